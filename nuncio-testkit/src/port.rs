//! TCP ports that one test process holds to the exclusion of all others.
//!
//! A port that the system picks is not safe to come back to: while the server that had it is down, any outgoing
//! connection may be given it, and a client that dials it again and again can even connect to itself. So ports are
//! taken from below the range that systems hand out, and each is held by a file lock for as long as it is leased.

use std::fs::{self, File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;

use crate::error::Error;

/// Below what Linux (32768) and macOS (49152) hand out, and below what Kubernetes gives to its services (30000).
const RANGE: std::ops::Range<u16> = 20_000..30_000;
/// How many numbers are tried before giving up.
const TRIES: usize = 500;

/// A port of 127.0.0.1 that no other test process using this kit will take while the value lives.
///
/// ```no_run
/// use nuncio_testkit::Port;
///
/// let port = Port::lease()?;
/// let config = format!("websocket {{ listen: \"127.0.0.1:{}\", no_tls: true }}", port.number());
/// # Ok::<(), nuncio_testkit::Error>(())
/// ```
#[derive(Debug)]
pub struct Port {
    number: u16,
    // Closing the file releases the lock; the system does so too if the process dies.
    _lock: File,
}

impl Port {
    /// Leases a port that nothing listens on now.
    ///
    /// # Errors
    ///
    /// When the directory of the locks cannot be written, or no port was free.
    pub fn lease() -> Result<Port, Error> {
        let dir = lock_dir();
        fs::create_dir_all(&dir).map_err(|e| Error::io(format!("create {}", dir.display()), &e))?;
        for _ in 0..TRIES {
            let number = fastrand::u16(RANGE);
            let path = dir.join(number.to_string());
            let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
            let lock = lock.map_err(|e| Error::io(format!("open the lock {}", path.display()), &e))?;
            if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Ok(Port { number, _lock: lock });
            }
        }
        let why = std::io::Error::other(format!("{TRIES} ports between 20000 and 29999 were all in use"));
        Err(Error::io("lease a TCP port", &why))
    }

    /// The port's number.
    pub fn number(&self) -> u16 {
        self.number
    }
}

/// One directory a user, since another user's lock files could not be opened.
fn lock_dir() -> PathBuf {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_default();
    let user: String = user.chars().filter(char::is_ascii_alphanumeric).collect();
    std::env::temp_dir().join(format!("nuncio-ports-{user}"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_port_is_leased_twice_at_a_time() {
        let ports: Vec<Port> = (0..200).map(|_| Port::lease().unwrap()).collect();
        let numbers: HashSet<u16> = ports.iter().map(Port::number).collect();
        assert_eq!(numbers.len(), ports.len());
    }

    #[test]
    fn a_leased_port_can_be_bound() {
        let port = Port::lease().unwrap();
        TcpListener::bind((Ipv4Addr::LOCALHOST, port.number())).unwrap();
    }
}
