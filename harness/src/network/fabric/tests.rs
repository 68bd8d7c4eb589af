//! Who reaches whom on which network.

use super::topology::Preset;
use super::*;
use std::net::SocketAddr;

const T0: Duration = Duration::from_secs(1);

struct Net(Fabric);

impl Net {
    fn new(preset: Preset) -> Self {
        let mut topology = preset.topology(&["alice", "bob"]);
        topology.interfaces.insert(
            "server/eth0".into(),
            topology::Attachment { families: Families::Dual, ..Default::default() },
        );
        Self(Fabric::new(&topology, 1).unwrap())
    }

    fn address(&self, name: &str) -> IpAddr {
        self.0.addresses(self.0.interface(name).unwrap())[0]
    }

    /// Sends a datagram and gives what arrives, as (interface, source as seen there).
    fn send(&mut self, from: &str, port: u16, to: SocketAddr) -> Vec<(String, SocketAddr)> {
        let source = SocketAddr::new(self.address(from), port);
        let id = self.0.interface(from).unwrap();
        self.0.send(T0, id, packet::udp(source, to, b"x").unwrap());
        let arrived = self.0.due(T0);
        arrived
            .iter()
            .map(|d| (self.0.names[d.interface.0].clone(), d.packet.flow().unwrap().source))
            .collect()
    }

    /// What the server sees of this port.
    fn reflexive(&mut self, from: &str, port: u16) -> SocketAddr {
        let server = SocketAddr::new(self.address("server/eth0"), 3478);
        self.send(from, port, server).pop().map(|(_, seen)| seen).unwrap()
    }

    /// Whether the two get through to one another when both send to the other's reflexive address, twice.
    fn punches(&mut self, a: &str, b: &str) -> bool {
        let (to_a, to_b) = (self.reflexive(a, 5000), self.reflexive(b, 6000));
        let mut met = false;
        for _ in 0..2 {
            met |= !self.send(a, 5000, to_b).is_empty();
            met |= !self.send(b, 6000, to_a).is_empty();
        }
        met
    }
}

#[test]
fn peers_on_the_internet_and_on_one_lan_meet_by_their_own_addresses() {
    for preset in [Preset::Internet, Preset::Lan, Preset::Ipv6Only] {
        let mut net = Net::new(preset);
        let bob = SocketAddr::new(net.address("bob/eth0"), 6000);
        let alice = SocketAddr::new(net.address("alice/eth0"), 5000);
        let server = if preset == Preset::Ipv6Only { "[2001:db8::4]:1" } else { "203.0.113.4:1" };
        assert_eq!(net.send("alice/eth0", 5000, bob), [("bob/eth0".to_owned(), alice)], "{preset:?}");
        assert!(net.send("alice/eth0", 5000, server.parse().unwrap()).len() <= 1);
    }
}

#[test]
fn nobody_reaches_into_a_home_uninvited() {
    let mut net = Net::new(Preset::HomeNat);
    let bob = net.address("bob/eth0");
    assert!(net.send("alice/eth0", 5000, SocketAddr::new(bob, 6000)).is_empty());
    assert_eq!(net.0.take_lost()[0].cause, LossCause::NoRoute);
}

#[test]
fn homes_meet_by_hole_punching_and_symmetric_nats_do_not() {
    for (preset, meet) in [
        (Preset::Internet, true),
        (Preset::HomeNat, true),
        (Preset::Cgnat, true),
        (Preset::SymmetricNat, false),
    ] {
        assert_eq!(Net::new(preset).punches("alice/eth0", "bob/eth0"), meet, "{preset:?}");
    }
}

#[test]
fn a_corporate_firewall_lets_no_datagram_out() {
    let mut net = Net::new(Preset::Corporate);
    let server = SocketAddr::new(net.address("server/eth0"), 3478);
    assert!(net.send("alice/eth0", 5000, server).is_empty());
    assert_eq!(net.0.take_lost()[0].cause, LossCause::Firewall);
}

#[test]
fn two_paths_show_two_addresses_and_one_can_die() {
    let mut net = Net::new(Preset::TwoPaths);
    let (wifi, lte) = (net.reflexive("alice/wifi", 5000), net.reflexive("alice/lte", 5000));
    assert_ne!(wifi.ip(), lte.ip());
    let id = net.0.interface("alice/wifi").unwrap();
    assert!(net.0.change(Change::InterfaceUp(id, false)));
    let server = SocketAddr::new(net.address("server/eth0"), 3478);
    assert!(net.send("alice/wifi", 5000, server).is_empty());
    assert_eq!(net.0.take_lost()[0].cause, LossCause::LinkDown);
    assert_eq!(net.reflexive("alice/lte", 5000), lte);
}

#[test]
fn rebinding_cuts_what_went_and_gives_another_address() {
    let mut net = Net::new(Preset::HomeNat);
    let before = net.reflexive("alice/eth0", 5000);
    assert_eq!(net.send("server/eth0", 3478, before).len(), 1);
    assert!(net.0.change(Change::Rebind("alice-site".into())));
    assert!(net.send("server/eth0", 3478, before).is_empty());
    assert_ne!(net.reflexive("alice/eth0", 5000), before);
    assert!(!net.0.change(Change::Rebind("nowhere".into())));
}

#[test]
fn multicast_stays_on_its_lan() {
    let mdns = "224.0.0.251:5353".parse().unwrap();
    let alice = |net: &Net| SocketAddr::new(net.address("alice/eth0"), 5353);
    let mut lan = Net::new(Preset::Lan);
    assert_eq!(lan.send("alice/eth0", 5353, mdns), [("bob/eth0".to_owned(), alice(&lan))]);
    assert!(Net::new(Preset::HomeNat).send("alice/eth0", 5353, mdns).is_empty());
}

#[test]
fn delay_is_kept_to_the_nanosecond() {
    let mut topology = Preset::Internet.topology(&["alice", "bob"]);
    topology.interfaces["alice/eth0"].up.delay_ms = 30;
    topology.interfaces["bob/eth0"].down.delay_ms = 12;
    let mut fabric = Fabric::new(&topology, 1).unwrap();
    let (alice, bob) = (fabric.interface("alice/eth0").unwrap(), fabric.interface("bob/eth0").unwrap());
    let address = |id| SocketAddr::new(fabric.addresses(id)[0], 5000);
    let packet = packet::udp(address(alice), address(bob), b"x").unwrap();
    fabric.send(T0, alice, packet.clone());
    let mut arrived = Vec::new();
    while let Some(at) = fabric.next() {
        arrived.extend(fabric.due(at));
    }
    assert_eq!(arrived, [Delivered { at: T0 + Duration::from_millis(42), interface: bob, packet }]);
}

#[test]
fn a_segment_that_does_not_exist_is_named() {
    let mut topology = Preset::Internet.topology(&["alice"]);
    topology.interfaces["alice/eth0"].on = Some("attic".into());
    let error = Fabric::new(&topology, 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "alice/eth0 is attached to attic, which is not a segment defined before it"
    );
}

#[test]
fn an_address_is_nobody_elses() {
    let mut topology = Preset::Internet.topology(&["alice", "bob"]);
    let alices = topology.interfaces["alice/eth0"].addresses.clone();
    topology.interfaces["bob/eth0"].addresses = alices;
    let error = Fabric::new(&topology, 1).unwrap_err();
    assert_eq!(error.to_string(), "bob/eth0 has the address 203.0.113.100, which is taken");
}

#[test]
fn a_peer_keeps_its_addresses_from_one_network_to_another() {
    let addresses = |preset: Preset| {
        preset.topology(&["alice", "bob"]).interfaces.into_values().map(|a| a.addresses).collect::<Vec<_>>()
    };
    assert_eq!(addresses(Preset::Lan), addresses(Preset::HomeNat));
    assert_eq!(addresses(Preset::Cgnat), addresses(Preset::Corporate));
    assert_ne!(addresses(Preset::Lan), addresses(Preset::Internet));
}

#[test]
fn corruption_on_purpose_reaches_the_application() {
    let (from, to) = ("192.0.2.1:5".parse().unwrap(), "192.0.2.2:6".parse().unwrap());
    for (payload, byte, expected) in
        [(&b"abc"[..], -1, &b"abb"[..]), (b"abc", 1, b"acc"), (b"abcd", -4, b"`bcd"), (b"abc", 7, b"abc")]
    {
        let mut packet = packet::udp(from, to, payload).unwrap();
        packet.corrupt(byte);
        // The packet that would have been sent with this payload has the same checksum.
        assert_eq!(packet, packet::udp(from, to, expected).unwrap(), "byte {byte}");
    }
}
