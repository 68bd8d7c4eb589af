//! Network namespaces held by a thread and a file descriptor each: nothing of them is in the file system, so they are gone
//! with the process, however it ends.

use super::LabError;
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;

type Job = Box<dyn FnOnce() + Send>;

/// A network namespace. What runs in it runs on its thread, whose sockets and children belong to it.
#[derive(Debug)]
pub struct Namespace {
    number: u64,
    jobs: mpsc::Sender<Job>,
    file: Arc<File>,
}

impl Namespace {
    /// Makes a namespace with nothing in it but a loopback interface that is down.
    ///
    /// # Errors
    /// When the kernel forbids it.
    pub fn new() -> Result<Arc<Self>, LabError> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (jobs, todo) = mpsc::channel::<Job>();
        let (say, heard) = mpsc::channel();
        thread::Builder::new()
            .name(format!("namespace {number}"))
            .spawn(move || {
                let entered = unshare(CloneFlags::CLONE_NEWNET)
                    .map_err(io::Error::from)
                    .and_then(|()| File::open("/proc/thread-self/ns/net"));
                let usable = entered.is_ok();
                if say.send(entered).is_err() || !usable {
                    return;
                }
                for job in todo {
                    job();
                }
            })
            .map_err(LabError::Thread)?;
        let file = heard.recv().map_err(|_| LabError::Gone)?.map_err(LabError::Namespace)?;
        Ok(Arc::new(Self { number, jobs, file: Arc::new(file) }))
    }

    /// A number that no other namespace of this process has.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Does something in the namespace and waits for it. What it opens stays in the namespace, wherever it is used.
    ///
    /// # Errors
    /// [`LabError::Gone`] if the job panicked.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, LabError> {
        let (say, heard) = mpsc::channel();
        self.post(job, move |done| drop(say.send(done)))?;
        heard.recv().map_err(|_| LabError::Gone)
    }

    /// The same without blocking.
    ///
    /// # Errors
    /// [`LabError::Gone`] if the job panicked.
    pub async fn run_async<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LabError> {
        let (say, heard) = tokio::sync::oneshot::channel();
        self.post(job, move |done| drop(say.send(done)))?;
        heard.await.map_err(|_| LabError::Gone)
    }

    fn post<T>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
        done: impl FnOnce(T) + Send + 'static,
    ) -> Result<(), LabError> {
        self.jobs.send(Box::new(move || done(job()))).map_err(|_| LabError::Gone)
    }

    /// A runtime all of whose threads are in the namespace.
    ///
    /// # Errors
    /// When a thread cannot be started or cannot enter.
    pub fn runtime(&self) -> Result<tokio::runtime::Runtime, LabError> {
        let file = Arc::clone(&self.file);
        let shut_out = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&shut_out);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name(format!("in namespace {}", self.number))
            .on_thread_start(move || {
                if setns(&*file, CloneFlags::CLONE_NEWNET).is_err() {
                    flag.store(true, Ordering::Release);
                }
            })
            .enable_all()
            .build()
            .map_err(LabError::Thread)?;
        // Both kinds of thread have entered, or none ever will: they are all made alike.
        let inside = self.file.metadata().map_err(LabError::Thread)?.ino();
        let (say, heard) = mpsc::channel();
        runtime.spawn(async move {
            let here = std::fs::metadata("/proc/thread-self/ns/net").map(|meta| meta.ino());
            drop(say.send(here));
        });
        let here = heard.recv().map_err(|_| LabError::Gone)?.map_err(LabError::Thread)?;
        if here != inside || shut_out.load(Ordering::Acquire) {
            runtime.shutdown_background();
            return Err(LabError::Namespace(io::Error::other("a thread could not enter it")));
        }
        Ok(runtime)
    }
}

/// Makes this process able to make namespaces: an ordinary user's enters a user namespace of its own, in which it keeps its user
/// and group. To be called before any thread is started, since the kernel allows that only to a process of one thread; hence too
/// what it may is read and not tried.
pub fn prepare_process() {
    let _ = REASON.get_or_init(|| match may_make_namespaces() {
        true => try_one().err().map(|error| error.to_string()),
        false => enter_user_namespace()
            .map_err(|error| LabError::Namespace(io::Error::other(format!("as a user: {error}"))))
            .and_then(|()| try_one())
            .err()
            .map(|error| error.to_string()),
    });
}

/// Whether the effective capabilities hold those that make a network namespace and its devices (capabilities(7)).
fn may_make_namespaces() -> bool {
    const NET_ADMIN: u32 = 12;
    const SYS_ADMIN: u32 = 21;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0);
    [NET_ADMIN, SYS_ADMIN].iter().all(|capability| effective >> capability & 1 == 1)
}

/// Why no lab can be made on this machine, if so. Tried once: a namespace is made, and a TUN device in it.
#[must_use]
pub fn unavailable() -> Option<String> {
    REASON.get_or_init(|| try_one().err().map(|error| error.to_string())).clone()
}

static REASON: OnceLock<Option<String>> = OnceLock::new();

fn try_one() -> Result<(), LabError> {
    let namespace = Namespace::new()?;
    namespace.run(|| super::host::device("eth0").map(drop))?
}

fn enter_user_namespace() -> io::Result<()> {
    let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
    unshare(CloneFlags::CLONE_NEWUSER)?;
    // Without this the kernel accepts no group map (user_namespaces(7)).
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/gid_map", format!("{group} {group} 1"))?;
    std::fs::write("/proc/self/uid_map", format!("{user} {user} 1"))
}
