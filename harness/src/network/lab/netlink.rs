//! Addresses and routes of the namespace that the calling thread is in, by rtnetlink.
//!
//! Each interface has a default route in the main table, the first being preferred, and another in a table of its own,
//! which is asked for packets from its addresses: a socket that is bound to an address uses the interface that has it.

use super::LabError;
use super::host::InterfaceSpec;
use futures::TryStreamExt;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressHeaderFlags};
use rtnetlink::packet_route::link::{AfSpecInet6, AfSpecUnspec, In6AddrGenMode, LinkAttribute};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteScope, RouteType};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute};
use rtnetlink::{Handle, IpVersion, LinkUnspec, RouteMessageBuilder};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The loopback interface has this index in every namespace.
const LOOPBACK: u32 = 1;
/// Tables and metrics of the interfaces begin here.
const FIRST_TABLE: u32 = 100;

/// Packets that may wait in the kernel: a message of 256 KiB is a burst of 220.
const QUEUE: u32 = 4000;

type Done = Result<(), rtnetlink::Error>;

/// With the first address of an IPv4 subnet the kernel takes away the others in it, and with the last one of an interface all routes,
/// unless this switch is set (`promote_secondaries` in the kernel's ip-sysctl).
const PROMOTE: &str = "/proc/sys/net/ipv4/conf/all/promote_secondaries";

/// Takes loopback and all interfaces up, with their addresses and routes.
pub(super) fn configure(interfaces: &[InterfaceSpec]) -> Result<(), LabError> {
    // The switch is that of the namespace which the thread is in.
    std::fs::write(PROMOTE, "1").map_err(|error| LabError::Netlink(format!("{PROMOTE}: {error}")))?;
    in_runtime(async |netlink| {
        netlink.link().set(LinkUnspec::new_with_index(LOOPBACK).up().build()).execute().await?;
        for (n, interface) in interfaces.iter().enumerate() {
            take_up(&netlink, n, interface).await?;
            for address in &interface.addresses {
                prefer(&netlink, n, *address).await?;
            }
        }
        for server in name_servers() {
            unreachable(&netlink, server).await?;
        }
        Ok(())
    })
}

/// Takes one of the interfaces up or down.
pub(super) fn set_up(interfaces: &[InterfaceSpec], name: &str, up: bool) -> Result<(), LabError> {
    let Some((n, interface)) = interfaces.iter().enumerate().find(|(_, interface)| interface.name == name)
    else {
        return Err(LabError::NoInterface(name.to_owned()));
    };
    in_runtime(async |netlink| {
        if up {
            return take_up(&netlink, n, interface).await;
        }
        // Addresses of IPv4 would stay, and packets from them would leave by another interface.
        let index = nix::net::if_::if_nametoindex(name).unwrap_or_default();
        let mut addresses = netlink.address().get().set_link_index_filter(index).execute();
        while let Some(address) = addresses.try_next().await? {
            netlink.address().del(address).execute().await?;
        }
        netlink.link().set(LinkUnspec::new_with_name(name).down().build()).execute().await
    })
}

/// Gives interfaces other addresses, the new ones first, so that they are never without one. The families stay, and so do the
/// default routes, which name no address.
pub(super) fn readdress(old: &[InterfaceSpec], new: &[InterfaceSpec]) -> Result<(), LabError> {
    in_runtime(async |netlink| {
        for (n, (old, new)) in old.iter().zip(new).enumerate() {
            if old.addresses == new.addresses {
                continue;
            }
            let index = nix::net::if_::if_nametoindex(new.name.as_str()).unwrap_or_default();
            add_addresses(&netlink, index, new).await?;
            for address in new.addresses.iter().filter(|address| !old.addresses.contains(address)) {
                prefer(&netlink, n, *address).await?;
            }
            let gone = |address: &IpAddr| !new.addresses.contains(address);
            let mut there = netlink.address().get().set_link_index_filter(index).execute();
            while let Some(address) = there.try_next().await? {
                let is_gone = address.attributes.iter().any(
                    |attribute| matches!(attribute, AddressAttribute::Address(address) if gone(address)),
                );
                if is_gone {
                    netlink.address().del(address).execute().await?;
                }
            }
            for address in old.addresses.iter().filter(|address| gone(address)) {
                forget(&netlink, n, *address).await?;
            }
        }
        Ok(())
    })
}

/// Takes away what [`prefer`] and [`local_route`] made for an address.
async fn forget(netlink: &Handle, n: usize, address: IpAddr) -> Done {
    let priority = FIRST_TABLE + u32::try_from(n).unwrap_or_default();
    let version = if address.is_ipv4() { IpVersion::V4 } else { IpVersion::V6 };
    let mut rules = netlink.rule().get(version).execute();
    while let Some(rule) = rules.try_next().await? {
        let is_ours = rule.attributes.contains(&RuleAttribute::Priority(priority))
            && rule.attributes.contains(&RuleAttribute::Source(address));
        if is_ours {
            netlink.rule().del(rule).execute().await?;
        }
    }
    let IpAddr::V6(address) = address else { return Ok(()) };
    let local = RouteAttribute::Destination(RouteAddress::Inet6(address));
    let mut routes = netlink.route().get(RouteMessageBuilder::<Ipv6Addr>::new().build()).execute();
    while let Some(route) = routes.try_next().await? {
        if route.attributes.contains(&local) {
            netlink.route().del(route).execute().await?;
        }
    }
    Ok(())
}

fn in_runtime(work: impl AsyncFnOnce(Handle) -> Done) -> Result<(), LabError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(LabError::Thread)?;
    runtime.block_on(async {
        let (connection, handle, _) = rtnetlink::new_connection().map_err(LabError::Thread)?;
        let serving = tokio::spawn(connection);
        let done = work(handle).await;
        serving.abort();
        done.map_err(|error| LabError::Netlink(error.to_string()))
    })
}

async fn take_up(netlink: &Handle, n: usize, interface: &InterfaceSpec) -> Done {
    let name = interface.name.as_str();
    // Nothing but the addresses of the topology: no link-local one.
    let no_link_local =
        LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![AfSpecInet6::AddrGenMode(
            In6AddrGenMode::None,
        )])]);
    let link =
        LinkUnspec::new_with_name(name).txqueuelen(QUEUE).append_extra_attribute(no_link_local).build();
    netlink.link().set(link).execute().await?;
    netlink.link().set(LinkUnspec::new_with_name(name).up().build()).execute().await?;
    let index = nix::net::if_::if_nametoindex(name).unwrap_or_default();
    add_addresses(netlink, index, interface).await?;
    let number = u32::try_from(n).unwrap_or_default();
    let mut families = [false, false];
    for address in &interface.addresses {
        let seen = &mut families[usize::from(address.is_ipv6())];
        if !std::mem::replace(seen, true) {
            default_route(netlink, index, *address, None, FIRST_TABLE + number).await?;
            default_route(netlink, index, *address, Some(FIRST_TABLE + number), 0).await?;
        }
    }
    Ok(())
}

/// Adds the addresses that an interface does not have yet.
async fn add_addresses(netlink: &Handle, index: u32, interface: &InterfaceSpec) -> Done {
    for address in &interface.addresses {
        let mut request =
            netlink.address().add(index, *address, if address.is_ipv4() { 24 } else { 64 }).replace();
        if address.is_ipv6() {
            // It is usable at once: nobody else has it.
            let message = request.message_mut();
            message.header.flags |= AddressHeaderFlags::Nodad;
            message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        }
        request.execute().await?;
        if let IpAddr::V6(address) = address {
            local_route(netlink, index, *address).await?;
        }
    }
    Ok(())
}

/// What comes for the address is this host's. The kernel says so by itself, but only when a worker of its comes to it, a while after
/// the address is there; until then packets that arrive are lost (`addrconf_dad_work` in Linux).
async fn local_route(netlink: &Handle, index: u32, address: Ipv6Addr) -> Done {
    const LOCAL_TABLE: u32 = 255;
    let message = RouteMessageBuilder::<Ipv6Addr>::new()
        .destination_prefix(address, 128)
        .output_interface(index)
        .table_id(LOCAL_TABLE)
        .kind(RouteType::Local)
        .build();
    netlink.route().add(message).replace().execute().await
}

/// A default route of the address's family.
async fn default_route(
    netlink: &Handle,
    index: u32,
    address: IpAddr,
    table: Option<u32>,
    metric: u32,
) -> Done {
    // 254 is the main table.
    let table = table.unwrap_or(254);
    let message = match address {
        IpAddr::V4(_) => RouteMessageBuilder::<Ipv4Addr>::new()
            .output_interface(index)
            .scope(RouteScope::Link)
            .table_id(table)
            .priority(metric)
            .build(),
        IpAddr::V6(_) => RouteMessageBuilder::<Ipv6Addr>::new()
            .output_interface(index)
            .table_id(table)
            .priority(metric.max(1))
            .build(),
    };
    netlink.route().add(message).replace().execute().await
}

/// The name servers of this machine. In the lab nobody is called by name, and what is unreachable at once keeps no browser
/// waiting and leaves no packets in the recording.
fn name_servers() -> Vec<IpAddr> {
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let servers = text.lines().filter_map(|line| line.strip_prefix("nameserver")?.trim().parse().ok());
    servers.filter(|server: &IpAddr| !server.is_loopback()).collect()
}

async fn unreachable(netlink: &Handle, address: IpAddr) -> Done {
    let message = match address {
        IpAddr::V4(address) => RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(address, 32)
            .kind(RouteType::Unreachable)
            .build(),
        IpAddr::V6(address) => RouteMessageBuilder::<Ipv6Addr>::new()
            .destination_prefix(address, 128)
            .kind(RouteType::Unreachable)
            .build(),
    };
    netlink.route().add(message).replace().execute().await
}

/// Packets from this address use its interface's table. Rules stay when the interface goes.
async fn prefer(netlink: &Handle, n: usize, address: IpAddr) -> Done {
    let table = FIRST_TABLE + u32::try_from(n).unwrap_or_default();
    let rule = netlink.rule().add().table_id(table).priority(table).action(RuleAction::ToTable);
    match address {
        IpAddr::V4(address) => rule.v4().source_prefix(address, 32).execute().await,
        IpAddr::V6(address) => rule.v6().source_prefix(address, 128).execute().await,
    }
}
