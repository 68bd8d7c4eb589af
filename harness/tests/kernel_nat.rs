//! Our NATs behave as the kernel's, where the two can be set to the same: both are asked by the same questions, through
//! real sockets in namespaces.
//!
//! Ours needs a lab; the kernel's the programs `nft` and `ip`, too, and root. What is missing makes tests ignored, with the reason;
//! if `PEERPROOF_REQUIRE` names it (`lab`, `nft`) they fail. Only that the user is not root is never an error: what `PEERPROOF_REQUIRE`
//! names can be installed.
//!
//! Not compared is what the two do on purpose in different ways: the kernel lets two hosts have the same external port as long as
//! they talk to different endpoints, which no endpoint-independent mapping can (RFC 4787 §4.1), and it turns nothing back to the
//! inside (§6) unless a rule for each port says so.

#![expect(clippy::unwrap_used, reason = "all of this file is test code, its helpers too")]

use indexmap::IndexMap;
use libtest_mimic::{Arguments, Failed, Trial};
use peerproof::network::fabric::nat::{Dependence, NatBehaviour};
use peerproof::network::fabric::packet::IpPacket;
use peerproof::network::fabric::topology::{Attachment, Segment, Topology};
use peerproof::network::fabric::{InterfaceId, Lost};
use peerproof::network::lab::{Host, Lab, Namespace, Passed, Watch, hosts_of, prepare_process};
use peerproof::network::rule::Decision;
use peerproof::run::peers::{is_required, missing};
use peerproof::tools::Tool;
use std::any::Any;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

/// For what must come. Nothing waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// Two hosts behind a NAT, `alice` and `carol`, and two before it, `server` and `bob`.
struct World {
    hosts: IndexMap<&'static str, (Arc<Namespace>, Ipv4Addr)>,
    /// What carries the packets.
    _network: Box<dyn Any>,
}

impl World {
    fn udp(&self, host: &str, port: u16) -> UdpSocket {
        let (namespace, address) = &self.hosts[host];
        let address = (*address, port);
        let socket = namespace.run(move || UdpSocket::bind(address).unwrap()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }
}

/// What can be seen of a NAT from its two sides.
#[derive(Debug, PartialEq, Eq)]
struct Behaviour {
    mapping: Dependence,
    filtering: Dependence,
    keeps_ports: bool,
    /// Two hosts with the same port that talk to the same endpoint are distinguished.
    keeps_apart: bool,
    hairpinning: bool,
    /// That nobody listens outside is reported inside (RFC 5508 §4).
    passes_errors: bool,
}

fn sent(from: &UdpSocket, to: SocketAddr) {
    assert_eq!(from.send_to(b"?", to).unwrap(), 1);
}

fn source(at: &UdpSocket) -> SocketAddr {
    at.recv_from(&mut [0; 16]).unwrap().1
}

fn look_at(world: &World) -> Behaviour {
    let (first, second) = (world.udp("server", 0), world.udp("server", 0));
    let elsewhere = world.udp("bob", 0);
    let alice = world.udp("alice", 0);
    let seen = |by: &UdpSocket| {
        sent(&alice, by.local_addr().unwrap());
        source(by)
    };
    let external = seen(&first);

    // From whom something comes in. What a round trip that began later brings is behind all that came in before.
    let comes_in = |from: &UdpSocket| {
        sent(from, external);
        sent(&alice, first.local_addr().unwrap());
        sent(&first, source(&first));
        let arrived = source(&alice);
        if arrived == first.local_addr().unwrap() {
            return false;
        }
        assert_eq!(arrived, from.local_addr().unwrap());
        assert_eq!(source(&alice), first.local_addr().unwrap());
        true
    };
    let filtering = match (comes_in(&second), comes_in(&elsewhere)) {
        (false, false) => Dependence::AddressAndPortDependent,
        (true, false) => Dependence::AddressDependent,
        (_, true) => Dependence::EndpointIndependent,
    };
    let carol = world.udp("carol", 0);
    let hairpinning = {
        sent(&carol, external);
        sent(&alice, first.local_addr().unwrap());
        sent(&first, source(&first));
        source(&alice) != first.local_addr().unwrap()
    };
    let mapping = match (seen(&second) == external, seen(&elsewhere) == external) {
        (true, true) => Dependence::EndpointIndependent,
        (true, false) => Dependence::AddressDependent,
        (false, _) => Dependence::AddressAndPortDependent,
    };

    let same = world.udp("carol", alice.local_addr().unwrap().port());
    sent(&same, first.local_addr().unwrap());
    let other = source(&first);

    let nobody = {
        let gone = world.udp("server", 0);
        gone.local_addr().unwrap()
    };
    let asking = world.udp("alice", 0);
    asking.connect(nobody).unwrap();
    asking.send(b"?").unwrap();
    let refused = asking.recv(&mut [0; 16]).unwrap_err().kind();

    Behaviour {
        mapping,
        filtering,
        keeps_ports: external.port() == alice.local_addr().unwrap().port(),
        keeps_apart: other != external,
        hairpinning,
        passes_errors: refused == ErrorKind::ConnectionRefused,
    }
}

struct Nobody;

impl Watch for Nobody {
    fn decide(&mut self, _: InterfaceId, _: &IpPacket) -> Option<Decision> {
        None
    }

    fn passed(&mut self, _: &Passed<'_>) {}

    fn lost(&mut self, _: &Lost) {}
}

fn ours(behaviour: NatBehaviour) -> World {
    let mut topology = Topology::default();
    topology.segments.insert("home".to_owned(), Segment { nat: Some(behaviour), ..Segment::default() });
    for (host, on) in [("alice", Some("home")), ("carol", Some("home")), ("server", None), ("bob", None)] {
        let attachment = Attachment { on: on.map(str::to_owned), ..Attachment::default() };
        topology.interfaces.insert(format!("{host}/eth0"), attachment);
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (lab, hosts) = runtime.block_on(async {
        let mut hosts = IndexMap::new();
        for (name, interfaces) in hosts_of(&topology).unwrap() {
            hosts.insert(name, Host::new(&interfaces).await.unwrap());
        }
        (Lab::start(topology, hosts.clone(), 1, Box::new(Nobody)).unwrap(), hosts)
    });
    let place = |name: &'static str| {
        let host = &hosts[name];
        let IpAddr::V4(address) = host.interfaces()[0].addresses[0] else { unreachable!("it is of IPv4") };
        (name, (Arc::clone(host.namespace()), address))
    };
    World {
        hosts: ["alice", "carol", "server", "bob"].map(place).into_iter().collect(),
        _network: Box::new((lab, runtime)),
    }
}

/// The programs are the ones that were found, be they in `PATH` or not.
const PROGRAMS: &str = "ip() { \"$IP\" \"$@\"; }
                        nft() { \"$NFT\" \"$@\"; }";

/// Runs a command in a namespace.
fn run(namespace: &Namespace, line: String) -> Result<(), String> {
    let found = |tool: Tool| tool.find().ok_or_else(|| format!("there is no {}", tool.name()));
    let (ip, nft) = (found(Tool::Ip)?, found(Tool::Nft)?);
    let done = namespace.run(move || {
        let mut shell = Command::new("sh");
        shell.args(["-ec", &format!("{PROGRAMS}\n{line}")]).env("IP", ip).env("NFT", nft);
        let output = shell.output().map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(()),
            false => Err(format!("{line}: {}", String::from_utf8_lossy(&output.stderr).trim())),
        }
    });
    done.unwrap()
}

/// Hosts on two bridges of a router whose kernel does `masquerade` between them.
///
/// Like any router at a home it drops what comes unasked. If it took that in, the kernel would remember it as a flow of its own,
/// and give whoever inside talks to that endpoint next another port.
fn kernel(masquerade: &str) -> Result<World, String> {
    let router = Namespace::new().map_err(|error| error.to_string())?;
    run(
        &router,
        format!(
            "ip link set lo up; echo 1 > /proc/sys/net/ipv4/ip_forward
             ip link add inside type bridge; ip addr add 192.168.1.1/24 dev inside; ip link set inside up
             ip link add outside type bridge; ip addr add 203.0.113.1/24 dev outside; ip link set outside up
             nft 'add table ip nat; add chain ip nat post {{ type nat hook postrouting priority 100; }}'
             nft 'add rule ip nat post oifname outside {masquerade}'
             nft 'add table ip filter; add chain ip filter forward {{ type filter hook forward priority 0; }}'
             nft 'add rule ip filter forward iifname outside ct state new drop'
             nft 'add chain ip filter input {{ type filter hook input priority 0; }}'
             nft 'add rule ip filter input iifname outside ct state new drop'"
        ),
    )?;
    let mut hosts = IndexMap::new();
    for (host, bridge, address, gateway) in [
        ("alice", "inside", Ipv4Addr::new(192, 168, 1, 2), "192.168.1.1"),
        ("carol", "inside", Ipv4Addr::new(192, 168, 1, 3), "192.168.1.1"),
        ("server", "outside", Ipv4Addr::new(203, 0, 113, 200), "203.0.113.1"),
        ("bob", "outside", Ipv4Addr::new(203, 0, 113, 201), "203.0.113.1"),
    ] {
        let namespace = Namespace::new().map_err(|error| error.to_string())?;
        // A thread stands for its namespace as well as a process.
        let thread = namespace.run(nix::unistd::gettid).unwrap();
        run(
            &router,
            format!(
                "ip link add {host} type veth peer name eth0 netns {thread}
                 ip link set {host} master {bridge}; ip link set {host} up"
            ),
        )?;
        run(
            &namespace,
            format!(
                "ip link set lo up; ip addr add {address}/24 dev eth0; ip link set eth0 up
                 ip route add default via {gateway}"
            ),
        )?;
        hosts.insert(host, (namespace, address));
    }
    Ok(World { hosts, _network: Box::new(router) })
}

fn compare(masquerade: &str, behaviour: NatBehaviour) -> Result<(), Failed> {
    let theirs = look_at(&kernel(masquerade)?);
    let expected = (behaviour.mapping, behaviour.filtering, behaviour.port_preservation);
    let ours = look_at(&ours(behaviour));
    assert_eq!(ours, theirs, "ours, the kernel's");
    // And both are what they were set to.
    assert_eq!((ours.mapping, ours.filtering, ours.keeps_ports), expected);
    Ok(())
}

fn port_preserving() -> Result<(), Failed> {
    compare("masquerade", NatBehaviour { hairpinning: false, ..NatBehaviour::default() })
}

fn symmetric() -> Result<(), Failed> {
    compare("masquerade fully-random", NatBehaviour { hairpinning: false, ..NatBehaviour::symmetric() })
}

/// The questions distinguish NATs: each setting of ours is found as what it is.
fn every_setting_of_ours_is_recognised() -> Result<(), Failed> {
    use Dependence::{AddressAndPortDependent, AddressDependent, EndpointIndependent};
    let dependences = [EndpointIndependent, AddressDependent, AddressAndPortDependent];
    for (mapping, filtering) in dependences.iter().flat_map(|m| dependences.iter().map(move |f| (*m, *f))) {
        for flag in [false, true] {
            let set = NatBehaviour {
                mapping,
                filtering,
                port_preservation: flag,
                hairpinning: flag,
                ..NatBehaviour::default()
            };
            let seen = look_at(&ours(set.clone()));
            assert_eq!((seen.mapping, seen.filtering), (mapping, filtering), "{set:?}");
            assert!(seen.keeps_apart && seen.passes_errors, "{set:?}");
            // What turns back passes the filter of the mapping too.
            assert_eq!(seen.hairpinning, flag && filtering == EndpointIndependent, "{set:?}");
        }
    }
    Ok(())
}

/// Why a test cannot be played, and whether that is an error.
#[derive(Clone)]
struct Obstacle {
    reason: String,
    /// What `PEERPROOF_REQUIRE` has to name for that.
    need: Option<&'static str>,
}

impl Obstacle {
    fn of(need: &'static str) -> Option<Self> {
        Some(Self { reason: missing(need)?, need: Some(need) })
    }

    /// What stands in the way of the kernel's.
    fn of_the_kernels() -> Option<Self> {
        Self::of("lab").or_else(|| Self::of("nft")).or_else(|| {
            if !nix::unistd::geteuid().is_root() {
                // `ip` and `nft` have root's rights in a namespace only if this process has them.
                return Some(Self { reason: "only root can set up the kernel's NAT".to_owned(), need: None });
            }
            let refusal = kernel("masquerade").err()?;
            Some(Self { reason: format!("the kernel makes no NAT: {refusal}"), need: Some("nft") })
        })
    }
}

fn main() -> ExitCode {
    prepare_process();
    type Test = fn() -> Result<(), Failed>;
    let (no_lab, no_kernel) = (Obstacle::of("lab"), Obstacle::of_the_kernels());
    let tests: [(&str, Test, &Option<Obstacle>); 3] = [
        ("every_setting_of_ours_is_recognised", every_setting_of_ours_is_recognised, &no_lab),
        ("ours_is_the_kernels_that_keeps_ports", port_preserving, &no_kernel),
        ("ours_is_the_kernels_that_is_symmetric", symmetric, &no_kernel),
    ];
    let trials = tests.into_iter().map(|(name, test, obstacle)| match obstacle.clone() {
        Some(Obstacle { reason, need: Some(need) }) if is_required(need) => {
            Trial::test(name, move || Err(format!("PEERPROOF_REQUIRE names {need}, but {reason}").into()))
        }
        Some(Obstacle { reason, .. }) => {
            Trial::test(name, || Ok(())).with_kind(reason).with_ignored_flag(true)
        }
        None => Trial::test(name, test),
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
