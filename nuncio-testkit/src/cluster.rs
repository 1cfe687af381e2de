//! Several real nats-servers joined by routes.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::builder::ServerBuilder;
use crate::error::Error;
use crate::port::Port;
use crate::server::NatsServer;
use crate::wait::{Deadline, eventually_async};

/// How long a new cluster may take until all its nodes know each other.
const FORM_LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

/// Connections between two nodes: three for the accounts and one for the system account, which come up one by one. Until
/// the last is there, some accounts do not reach each other.
const ROUTES: usize = 4;

/// Builds a [`Cluster`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until start() is awaited"]
pub struct ClusterBuilder {
    size: usize,
    node: ServerBuilder,
}

impl ClusterBuilder {
    /// The version of every node; [`default_version`](crate::default_version) unless set.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.node = self.node.version(version);
        self
    }

    /// Adds text to the configuration of every node. The kit writes the `cluster` block.
    pub fn config(mut self, text: impl AsRef<str>) -> Self {
        self.node = self.node.config(text);
        self
    }

    /// Adds an argument to the command line of every node.
    pub fn arg(mut self, arg: impl Into<std::ffi::OsString>) -> Self {
        self.node = self.node.arg(arg);
        self
    }

    /// Turns JetStream on in every node, each with a store of its own. The cluster needs at least three nodes then.
    pub fn jetstream(mut self) -> Self {
        self.node = self.node.jetstream();
        self
    }

    /// Turns JetStream on in every node with these settings, such as `domain: hub`; see
    /// [`ServerBuilder::jetstream_with`].
    pub fn jetstream_with(mut self, settings: impl Into<String>) -> Self {
        self.node = self.node.jetstream_with(settings);
        self
    }

    /// Starts all nodes and waits until each knows all others and, with JetStream, until it has a leader.
    ///
    /// # Errors
    ///
    /// As [`ServerBuilder::start`]; [`Error::TimedOut`] if the nodes have not found together within a minute.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the processes are killed.
    pub async fn start(self) -> Result<Cluster, Error> {
        let name = format!("nuncio-{:08x}", fastrand::u32(..));
        let routes: Vec<Port> = (0..self.size).map(|_| Port::lease()).collect::<Result<_, _>>()?;
        let jetstream = self.node.jetstream.is_some();
        let mut cluster = Cluster { nodes: Vec::new(), _routes: Vec::new() };
        for (index, own) in routes.iter().enumerate() {
            let others = routes.iter().map(Port::number).filter(|number| *number != own.number());
            let others: Vec<String> = others.map(|number| format!("nats://127.0.0.1:{number}")).collect();
            let block = format!(
                "cluster {{\n  name: {name}\n  listen: \"127.0.0.1:{}\"\n  routes: [{}]\n}}",
                own.number(),
                others.join(", ")
            );
            let mut node = self.node.clone().name(format!("{name}-n{index}"));
            node.prelude = block + "\n";
            cluster.nodes.push(node.start().await?);
        }
        cluster._routes = routes;
        let deadline = Deadline::after(FORM_LIMIT);
        cluster.meshed(deadline).await?;
        if jetstream {
            cluster.jetstream_ready(deadline).await?;
        }
        Ok(cluster)
    }
}

/// A cluster of real nats-servers; dropping it kills them all.
///
/// ```no_run
/// # use std::time::Duration;
/// # async fn example() -> Result<(), nuncio_testkit::Error> {
/// let mut cluster = nuncio_testkit::Cluster::of(3).jetstream().start().await?;
/// cluster.kill(0)?;
/// cluster.restart(0).await?;
/// cluster.meshed(Duration::from_secs(20)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<NatsServer>,
    _routes: Vec<Port>,
}

impl Cluster {
    /// Begins to build a cluster of `size` nodes.
    pub fn of(size: usize) -> ClusterBuilder {
        ClusterBuilder { size, node: NatsServer::builder() }
    }

    /// All nodes, in the order of their numbers.
    pub fn nodes(&self) -> &[NatsServer] {
        &self.nodes
    }

    /// The URLs of all nodes for clients, in the order of their numbers.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(NatsServer::url).collect()
    }

    /// The node of that number, counted from 0.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchNode`].
    pub fn node(&self, index: usize) -> Result<&NatsServer, Error> {
        self.nodes.get(index).ok_or(Error::NoSuchNode { index, nodes: self.nodes.len() })
    }

    /// The node of that number, to pause, reload or otherwise act upon.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchNode`].
    pub fn node_mut(&mut self, index: usize) -> Result<&mut NatsServer, Error> {
        let nodes = self.nodes.len();
        self.nodes.get_mut(index).ok_or(Error::NoSuchNode { index, nodes })
    }

    /// Kills a node at once; see [`NatsServer::kill`].
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchNode`].
    pub fn kill(&mut self, index: usize) -> Result<(), Error> {
        self.node_mut(index)?.kill();
        Ok(())
    }

    /// Stops a node in good order; see [`NatsServer::stop`].
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchNode`], or as [`NatsServer::stop`].
    ///
    /// # Cancel safety
    ///
    /// As [`NatsServer::stop`].
    pub async fn stop(&mut self, index: usize) -> Result<(), Error> {
        self.node_mut(index)?.stop().await
    }

    /// Starts a node again; see [`NatsServer::restart`]. [`meshed`](Self::meshed) tells when it has rejoined.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchNode`], or as [`NatsServer::restart`].
    ///
    /// # Cancel safety
    ///
    /// As [`NatsServer::restart`].
    pub async fn restart(&mut self, index: usize) -> Result<(), Error> {
        self.node_mut(index)?.restart().await
    }

    /// Waits until every running node has all its routes to each other running node and gives all of their addresses to its
    /// clients.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] at the deadline.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn meshed(&mut self, deadline: impl Into<Deadline>) -> Result<(), Error> {
        let running = self.running();
        let all_know_all = async || {
            for node in &running {
                if !knows_all(node, &running).await? {
                    return None;
                }
            }
            Some(())
        };
        Ok(eventually_async("every node to know all others", deadline, all_know_all).await?)
    }

    /// Waits until all running nodes are healthy and agree on JetStream's leader, one of them.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] at the deadline.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn jetstream_ready(&mut self, deadline: impl Into<Deadline>) -> Result<(), Error> {
        let running = self.running();
        let agreed = async || {
            let mut leaders = BTreeSet::new();
            for node in &running {
                leaders.insert(meta_leader(node).await?);
                if !node.is_healthy().await {
                    return None;
                }
            }
            // The others may for a while still name a leader that is gone.
            let runs = running.iter().any(|node| leaders.contains(node.name()));
            (leaders.len() == 1 && runs).then_some(())
        };
        Ok(eventually_async("the nodes to agree on JetStream's leader", deadline, agreed).await?)
    }

    /// The number of the node that leads JetStream's meta group, if there is one.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn jetstream_leader(&mut self) -> Option<usize> {
        let mut leader = None;
        for node in self.running() {
            leader = meta_leader(node).await;
            if leader.is_some() {
                break;
            }
        }
        let leader = leader?;
        self.nodes.iter().position(|node| node.name() == leader)
    }

    fn running(&mut self) -> Vec<&NatsServer> {
        self.nodes.iter_mut().filter_map(|node| node.is_running().then_some(&*node)).collect()
    }
}

/// Whether `node` has routes to all of `nodes` but itself and advertises them all.
async fn knows_all(node: &NatsServer, nodes: &[&NatsServer]) -> Option<bool> {
    if nodes.len() < 2 {
        // Without routes nothing is advertised.
        return Some(true);
    }
    // Not by INFO, which would take a connection.
    let varz: Value = serde_json::from_str(&node.get("/varz").await.ok()?).ok()?;
    let routez: Value = serde_json::from_str(&node.get("/routez").await.ok()?).ok()?;
    let urls: BTreeSet<&str> =
        varz.get("connect_urls")?.as_array()?.iter().filter_map(Value::as_str).collect();
    let routes = routez.get("routes")?.as_array()?;
    let names: Vec<&str> =
        routes.iter().filter_map(|route| route.get("remote_name")).filter_map(Value::as_str).collect();
    let known = |other: &&NatsServer| {
        let count = names.iter().filter(|name| **name == other.name()).count();
        let routed = other.name() == node.name() || count >= ROUTES;
        routed && urls.contains(other.addr().as_str())
    };
    Some(nodes.iter().all(known))
}

/// The name of the leader of JetStream's meta group, as this node sees it.
async fn meta_leader(node: &NatsServer) -> Option<String> {
    let jsz: Value = serde_json::from_str(&node.get("/jsz").await.ok()?).ok()?;
    let leader = jsz.get("meta_cluster")?.get("leader")?.as_str()?;
    (!leader.is_empty()).then(|| leader.to_owned())
}
