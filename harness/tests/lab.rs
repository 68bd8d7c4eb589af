//! Sockets in the lab's hosts reach one another as the topology has it, and nobody else.
//!
//! Where the network lab is unavailable every test is ignored, with the reason; if `PEERPROOF_REQUIRE` names `lab`, they fail.

#![expect(clippy::unwrap_used, reason = "all of this file is test code, its helpers too")]

use indexmap::IndexMap;
use libtest_mimic::{Arguments, Failed, Trial};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, recv, sendto, setsockopt, sockopt};
use nix::sys::socket::{MsgFlags, SockaddrIn, socket};
use nix::sys::time::TimeVal;
use peerproof::network::fabric::packet::IpPacket;
use peerproof::network::fabric::topology::{Attachment, Preset, Topology};
use peerproof::network::fabric::{Change, InterfaceId, Lost};
use peerproof::network::lab::{Host, Lab, Passed, Wake, Watch, hosts_of, prepare_process, unavailable};
use peerproof::network::rule::{Decision, RuleAction};
use peerproof::run::peers::is_required;
use peerproof_captures::timeline::LossCause;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// For what must come. Nothing waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(10);
/// For what must not come: one round trip takes microseconds.
const BRIEFLY: Duration = Duration::from_millis(200);

type Outcome = Result<(), Failed>;

/// What was seen, and a decision for every packet.
#[derive(Clone, Default)]
struct Seen {
    lost: Arc<Mutex<Vec<LossCause>>>,
    out: Arc<Mutex<usize>>,
    action: Arc<Mutex<Option<RuleAction>>>,
    /// Whether datagrams with a text that begins with this word wait for keys.
    withheld: Arc<Mutex<Option<&'static str>>>,
    wake: Arc<Mutex<Option<Wake>>>,
}

impl Watch for Seen {
    fn wake_by(&mut self, wake: Wake) {
        *self.wake.lock().unwrap() = Some(wake);
    }

    fn waits_for_keys(&mut self, _: InterfaceId, packet: &IpPacket) -> bool {
        self.withheld.lock().unwrap().is_some_and(|word| packet.payload().starts_with(word.as_bytes()))
    }

    fn without_keys(&mut self) {
        *self.withheld.lock().unwrap() = None;
    }

    fn decide(&mut self, _: InterfaceId, _: &IpPacket) -> Option<Decision> {
        let action = self.action.lock().unwrap().take()?;
        Some(Decision { action, rule: None })
    }

    fn passed(&mut self, passed: &Passed<'_>) {
        *self.out.lock().unwrap() += usize::from(passed.out);
        if let Some(lost) = passed.lost {
            self.lost.lock().unwrap().push(lost.cause);
        }
    }

    fn lost(&mut self, lost: &Lost) {
        self.lost.lock().unwrap().push(lost.cause);
    }
}

struct Net {
    lab: Lab,
    seen: Seen,
    runtime: tokio::runtime::Runtime,
}

impl Net {
    fn new(preset: Preset) -> Self {
        let mut topology = preset.topology(&["alice", "bob"]);
        let addresses = ["203.0.113.200".parse().unwrap(), "2001:db8:200::2".parse().unwrap()];
        let server = Attachment { addresses: addresses.to_vec(), ..Attachment::default() };
        topology.interfaces.insert("server/eth0".to_owned(), server);
        Self::of(topology)
    }

    fn of(topology: Topology) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let seen = Seen::default();
        let lab = runtime.block_on(async {
            let mut hosts = IndexMap::new();
            for (name, interfaces) in hosts_of(&topology).unwrap() {
                hosts.insert(name, Host::new(&interfaces).await.unwrap());
            }
            Lab::start(topology, hosts, 1, Box::new(seen.clone())).unwrap()
        });
        Self { lab, seen, runtime }
    }

    fn address(&self, interface: &str) -> IpAddr {
        let (host, name) = interface.split_once('/').unwrap();
        let specs = self.lab.host(host).unwrap().interfaces();
        specs.iter().find(|spec| spec.name == name).unwrap().addresses[0]
    }

    /// Does something inside a host.
    fn inside<T: Send + 'static>(&self, host: &str, job: impl FnOnce() -> T + Send + 'static) -> T {
        self.lab.host(host).unwrap().namespace().run(job).unwrap()
    }

    /// A socket bound to the address of an interface.
    fn udp(&self, interface: &str) -> UdpSocket {
        let address = SocketAddr::new(self.address(interface), 0);
        let host = interface.split_once('/').unwrap().0;
        let socket = self.inside(host, move || UdpSocket::bind(address).unwrap());
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    fn change(&self, change: Change) {
        assert!(self.runtime.block_on(self.lab.change(change)).unwrap());
    }
}

fn local(socket: &UdpSocket) -> SocketAddr {
    socket.local_addr().unwrap()
}

/// Sends a text and gives what arrives and from where.
fn pass(from: &UdpSocket, to: &UdpSocket, address: SocketAddr, text: &str) -> (String, SocketAddr) {
    from.send_to(text.as_bytes(), address).unwrap();
    let received = receive(to);
    assert!(received.is_ok(), "{text:?} from {from:?} to {address}: {received:?}");
    received.unwrap()
}

fn receive(socket: &UdpSocket) -> std::io::Result<(String, SocketAddr)> {
    let mut buffer = [0; 2000];
    let (length, from) = socket.recv_from(&mut buffer)?;
    Ok((String::from_utf8_lossy(&buffer[..length]).into_owned(), from))
}

fn nothing_comes(socket: &UdpSocket) {
    socket.set_read_timeout(Some(BRIEFLY)).unwrap();
    assert_eq!(receive(socket).unwrap_err().kind(), ErrorKind::WouldBlock);
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
}

fn datagrams_cross_every_network_of_one_family() -> Outcome {
    for preset in [Preset::Internet, Preset::Lan, Preset::Ipv6Only, Preset::DualStack] {
        let net = Net::new(preset);
        let (alice, bob) = (net.udp("alice/eth0"), net.udp("bob/eth0"));
        assert_eq!(
            pass(&alice, &bob, local(&bob), "hello"),
            ("hello".to_owned(), local(&alice)),
            "{preset:?}"
        );
        assert_eq!(pass(&bob, &alice, local(&alice), "back"), ("back".to_owned(), local(&bob)), "{preset:?}");
    }
    Ok(())
}

fn a_nat_hides_the_inside_and_lets_answers_in() -> Outcome {
    let net = Net::new(Preset::HomeNat);
    let (alice, server, bob) = (net.udp("alice/eth0"), net.udp("server/eth0"), net.udp("bob/eth0"));
    let (_, seen) = pass(&alice, &server, local(&server), "hello");
    assert_ne!(seen.ip(), local(&alice).ip());
    assert_eq!(pass(&server, &alice, seen, "back"), ("back".to_owned(), local(&server)));
    // Bob was never spoken to: his packets stop at alice's NAT.
    bob.send_to(b"uninvited", seen).unwrap();
    nothing_comes(&alice);
    assert!(matches!(net.seen.lost.lock().unwrap()[..], [LossCause::Filtered | LossCause::NoMapping]));
    net.change(Change::Rebind("alice-site".to_owned()));
    let (_, after) = pass(&alice, &server, local(&server), "again");
    assert_ne!(after, seen);
    Ok(())
}

fn streams_pass_a_nat_whole() -> Outcome {
    const SIZE: usize = 1 << 20;
    let net = Net::new(Preset::SymmetricNat);
    let address = SocketAddr::new(net.address("server/eth0"), 443);
    let listener = net.inside("server", move || TcpListener::bind(address).unwrap());
    let serving = std::thread::spawn(move || {
        let (mut stream, from) = listener.accept().unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        (all.len(), from)
    });
    let stream = net.inside("alice", move || TcpStream::connect(address).unwrap());
    let inner = stream.local_addr().unwrap();
    (&stream).write_all(&vec![7; SIZE]).unwrap();
    drop(stream);
    let (length, seen) = serving.join().unwrap();
    assert_eq!(length, SIZE);
    assert_ne!(seen.ip(), inner.ip());
    Ok(())
}

fn errors_and_echoes_of_icmp_find_their_way_back() -> Outcome {
    let net = Net::new(Preset::HomeNat);
    let server = net.address("server/eth0");
    let alice = net.udp("alice/eth0");
    // Nobody listens: the server's kernel says so, and the NAT passes it on to whom it concerns.
    alice.connect((server, 9)).unwrap();
    alice.send(b"anybody?").unwrap();
    assert_eq!(receive(&alice).unwrap_err().kind(), ErrorKind::ConnectionRefused);

    let IpAddr::V4(server) = server else { return Err("the server has IPv4".into()) };
    let ping = net.inside("alice", || {
        let protocol = SockProtocol::Icmp;
        socket(AddressFamily::Inet, SockType::Raw, SockFlag::empty(), protocol).unwrap()
    });
    setsockopt(&ping, sockopt::ReceiveTimeout, &TimeVal::new(10, 0)).unwrap();
    // Echo request, identifier 0x1234, sequence 1; the checksum makes the words sum up to 0xffff.
    let request = [8, 0, 0xe5, 0xca, 0x12, 0x34, 0, 1];
    sendto(
        ping.as_raw_fd(),
        &request,
        &SockaddrIn::from(std::net::SocketAddrV4::new(server, 0)),
        MsgFlags::empty(),
    )
    .unwrap();
    loop {
        let mut buffer = [0; 200];
        let length = recv(ping.as_raw_fd(), &mut buffer, MsgFlags::empty()).unwrap();
        // The raw socket sees the error above too, and IP headers.
        if let [0, 0, _, _, identifier @ ..] = &buffer[20..length] {
            assert_eq!(identifier, [0x12, 0x34, 0, 1]);
            return Ok(());
        }
    }
}

fn multicast_reaches_the_lan_alone() -> Outcome {
    const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
    let net = Net::new(Preset::Lan);
    let member = |host: &str| {
        let IpAddr::V4(own) = net.address(&format!("{host}/eth0")) else { return None };
        let socket = net.inside(host, move || {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 5353)).unwrap();
            socket.join_multicast_v4(&GROUP, &own).unwrap();
            socket
        });
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Some(socket)
    };
    let (bob, server) = (member("bob").ok_or("no IPv4")?, member("server").ok_or("no IPv4")?);
    let alice = net.udp("alice/eth0");
    assert_eq!(pass(&alice, &bob, (GROUP, 5353).into(), "who?"), ("who?".to_owned(), local(&alice)));
    nothing_comes(&server);
    Ok(())
}

fn a_socket_uses_the_interface_whose_address_it_has() -> Outcome {
    let net = Net::new(Preset::TwoPaths);
    let (wifi, lte, server) = (net.udp("alice/wifi"), net.udp("alice/lte"), net.udp("server/eth0"));
    let (_, by_wifi) = pass(&wifi, &server, local(&server), "a");
    let (_, by_lte) = pass(&lte, &server, local(&server), "b");
    assert_ne!(by_wifi.ip(), by_lte.ip());
    net.runtime.block_on(net.lab.set_up("alice/wifi", false)).unwrap();
    // Its address has gone with it; above all the packet does not leave by the other interface.
    assert!(wifi.send_to(b"c", local(&server)).is_err());
    assert_eq!(pass(&lte, &server, local(&server), "d").1, by_lte);
    net.runtime.block_on(net.lab.set_up("alice/wifi", true)).unwrap();
    assert_eq!(pass(&wifi, &server, local(&server), "e").1, by_wifi);
    Ok(())
}

fn what_is_decided_is_done() -> Outcome {
    let net = Net::new(Preset::Internet);
    let (alice, bob) = (net.udp("alice/eth0"), net.udp("bob/eth0"));
    let next = |action| *net.seen.action.lock().unwrap() = Some(action);
    let texts = |count: usize| -> Vec<String> { (0..count).map(|_| receive(&bob).unwrap().0).collect() };
    let send = |text: &str| alice.send_to(text.as_bytes(), local(&bob)).unwrap();
    next(RuleAction::Drop);
    send("lost");
    send("first");
    assert_eq!(texts(1), ["first"]);
    next(RuleAction::Duplicate);
    send("twice");
    assert_eq!(texts(2), ["twice", "twice"]);
    next(RuleAction::Corrupt(0));
    send("b");
    assert_eq!(texts(1), ["c"]);
    next(RuleAction::Reorder);
    send("second");
    send("first");
    assert_eq!(texts(2), ["first", "second"]);
    next(RuleAction::Delay(Duration::from_millis(20)));
    send("late");
    send("early");
    assert_eq!(texts(2), ["early", "late"]);
    Ok(())
}

fn what_waits_for_keys_goes_on_in_order_when_they_come_or_when_none_do() -> Outcome {
    let net = Net::new(Preset::Lan);
    let (alice, bob) = (net.udp("alice/eth0"), net.udp("bob/eth0"));
    let to = local(&bob);
    let send = |text: &str| alice.send_to(text.as_bytes(), to).map(drop);
    *net.seen.withheld.lock().unwrap() = Some("secret");
    send("secret 1")?;
    send("secret 2")?;
    send("clear")?;
    assert_eq!(receive(&bob)?.0, "clear", "what need not wait passes");
    // Keys come.
    *net.seen.withheld.lock().unwrap() = None;
    net.seen.wake.lock().unwrap().as_ref().unwrap().wake();
    assert_eq!([receive(&bob)?.0, receive(&bob)?.0], ["secret 1", "secret 2"]);
    // None come.
    *net.seen.withheld.lock().unwrap() = Some("secret");
    send("secret 3")?;
    assert_eq!(receive(&bob)?.0, "secret 3");
    assert_eq!(*net.seen.withheld.lock().unwrap(), None, "no more shall wait");
    Ok(())
}

fn a_cut_network_carries_nothing_until_it_is_mended() -> Outcome {
    let net = Net::new(Preset::HomeNat);
    let (alice, server) = (net.udp("alice/eth0"), net.udp("server/eth0"));
    for part in ["alice/eth0", "alice-site", "alice"] {
        assert!(net.runtime.block_on(net.lab.cut(part, true)).unwrap());
        alice.send_to(b"lost", local(&server)).unwrap();
        nothing_comes(&server);
        assert!(net.runtime.block_on(net.lab.cut(part, false)).unwrap());
        assert_eq!(pass(&alice, &server, local(&server), part).0, part);
    }
    assert!(!net.runtime.block_on(net.lab.cut("attic", true)).unwrap());
    Ok(())
}

fn a_runtime_of_a_host_is_inside_and_this_process_is_not() -> Outcome {
    let net = Net::new(Preset::Internet);
    let own = net.address("alice/eth0");
    let host = Arc::clone(net.lab.host("alice").unwrap());
    let bound = net.runtime.block_on(async {
        let runtime = host.runtime().unwrap();
        runtime.spawn(async move { tokio::net::UdpSocket::bind((own, 0)).await.is_ok() }).await.unwrap()
    });
    assert!(bound);
    assert_eq!(UdpSocket::bind((own, 0)).unwrap_err().kind(), ErrorKind::AddrNotAvailable);
    Ok(())
}

/// A test: its name and what it does.
type Test = (&'static str, fn() -> Outcome);

const TESTS: &[Test] = &[
    ("datagrams_cross_every_network_of_one_family", datagrams_cross_every_network_of_one_family),
    ("a_nat_hides_the_inside_and_lets_answers_in", a_nat_hides_the_inside_and_lets_answers_in),
    ("streams_pass_a_nat_whole", streams_pass_a_nat_whole),
    ("errors_and_echoes_of_icmp_find_their_way_back", errors_and_echoes_of_icmp_find_their_way_back),
    ("multicast_reaches_the_lan_alone", multicast_reaches_the_lan_alone),
    ("a_socket_uses_the_interface_whose_address_it_has", a_socket_uses_the_interface_whose_address_it_has),
    ("what_is_decided_is_done", what_is_decided_is_done),
    (
        "what_waits_for_keys_goes_on_in_order_when_they_come_or_when_none_do",
        what_waits_for_keys_goes_on_in_order_when_they_come_or_when_none_do,
    ),
    ("a_cut_network_carries_nothing_until_it_is_mended", a_cut_network_carries_nothing_until_it_is_mended),
    (
        "a_runtime_of_a_host_is_inside_and_this_process_is_not",
        a_runtime_of_a_host_is_inside_and_this_process_is_not,
    ),
];

fn main() -> ExitCode {
    // An ordinary user's process has to do this before it has threads.
    prepare_process();
    let required = is_required("lab");
    let trials = TESTS.iter().map(|(name, test)| match unavailable() {
        Some(reason) if required => {
            Trial::test(*name, move || Err(format!("PEERPROOF_REQUIRE names lab, but {reason}").into()))
        }
        Some(reason) => Trial::test(*name, || Ok(())).with_kind(reason).with_ignored_flag(true),
        None => Trial::test(*name, test),
    });
    let mut trials: Vec<Trial> = trials.collect();
    if std::env::var_os(AS_USER).is_none() {
        trials.push(ordinary_user(required));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Set in the process that an ordinary user's is.
const AS_USER: &str = "PEERPROOF_TEST_AS_USER";

/// Becomes nobody, in a mount namespace whose `/dev/net/tun` is as device managers make it: anybody's.
const BECOME_NOBODY: &str = "mount -t tmpfs -o mode=755 none /dev/net && mknod -m 666 /dev/net/tun c 10 200 \
                             && exec setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\"";

fn as_nobody(program: &std::path::Path) -> std::process::Command {
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "sh", "-c", BECOME_NOBODY, "sh"]).arg(program).current_dir("/");
    command
}

/// All of the above once more, in a process of a user who may do nothing by itself.
fn ordinary_user(required: bool) -> Trial {
    let name = "an_ordinary_user_has_a_lab_too";
    let probe = as_nobody("unshare".as_ref()).args(["--user", "--net", "true"]).output();
    let reason = match probe {
        Err(error) => Some(format!("`unshare` cannot be run: {error}")),
        Ok(output) if !output.status.success() => {
            let said = String::from_utf8_lossy(&output.stderr);
            Some(format!("nobody cannot be an ordinary user here: {}", said.trim()))
        }
        Ok(_) => None,
    };
    // Who is an ordinary user already plays all the others as one.
    let required = required && nix::unistd::geteuid().is_root();
    match reason {
        Some(reason) if required => {
            Trial::test(name, move || Err(format!("PEERPROOF_REQUIRE names lab, but {reason}").into()))
        }
        Some(reason) => Trial::test(name, || Ok(())).with_kind(reason).with_ignored_flag(true),
        None => Trial::test(name, all_as_nobody),
    }
}

fn all_as_nobody() -> Outcome {
    // A copy that nobody may execute: the folders above the program may be closed.
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let program = folder.path().join("lab");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let output = as_nobody(&program).env(AS_USER, "1").env("PEERPROOF_REQUIRE", "lab").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && said.contains(&format!("{} passed; 0 failed; 0 ignored", TESTS.len())) {
        return Ok(());
    }
    Err(format!("{said}{}", String::from_utf8_lossy(&output.stderr)).into())
}
