//! A pair of veth devices between two namespaces, by rtnetlink.

use anyhow::Context;
use peerproof::network::lab::Namespace;
use rtnetlink::{Handle, LinkUnspec, LinkVeth, RouteMessageBuilder};
use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;

/// Joins a host to a router: each end has its address, and the host's default route is the router.
pub(crate) async fn join(
    host: &Namespace,
    router: &Namespace,
    host_address: &str,
    router_address: &str,
    name: &str,
) -> anyhow::Result<()> {
    let (inner, outer) = (format!("{name}0"), format!("{name}1"));
    let (own, other): (Ipv4Addr, Ipv4Addr) = (host_address.parse()?, router_address.parse()?);
    let there = router.run_async(|| File::open("/proc/thread-self/ns/net")).await??;
    let (near, far) = (inner.clone(), outer.clone());
    inside(host, async move |netlink| {
        netlink.link().add(LinkVeth::new(&near, &far).build()).execute().await?;
        let away = LinkUnspec::new_with_name(&far).setns_by_fd(there.as_raw_fd()).build();
        netlink.link().set(away).execute().await?;
        take_up(&netlink, &near, own).await?;
        let route = RouteMessageBuilder::<Ipv4Addr>::new().gateway(other).build();
        Ok(netlink.route().add(route).execute().await?)
    })
    .await?;
    inside(router, async move |netlink| take_up(&netlink, &outer, other).await).await
}

async fn take_up(netlink: &Handle, name: &str, address: Ipv4Addr) -> anyhow::Result<()> {
    netlink.link().set(LinkUnspec::new_with_name(name).up().build()).execute().await?;
    let index = std::fs::read_to_string(format!("/proc/thread-self/net/dev_snmp6/{name}"))
        .ok()
        .and_then(|text| text.lines().next()?.split_whitespace().nth(1)?.parse().ok())
        .context("the device has no number")?;
    Ok(netlink.address().add(index, address.into(), 24).execute().await?)
}

async fn inside<F: AsyncFnOnce(Handle) -> anyhow::Result<()> + Send + 'static>(
    namespace: &Namespace,
    work: F,
) -> anyhow::Result<()> {
    let done = namespace.run_async(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let (connection, handle, _) = rtnetlink::new_connection()?;
            let serving = tokio::spawn(connection);
            let done = work(handle).await;
            serving.abort();
            done
        })
    });
    done.await?
}
