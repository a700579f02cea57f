//! A proxy that makes tunnels.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Lives until the program ends.
pub struct Tunnel {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Tunnel {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tunnel = Self { address: listener.local_addr().unwrap(), asked: Arc::default() };
        let asked = tunnel.asked.clone();
        on_a_thread(move || {
            for client in listener.incoming() {
                let (client, asked) = (client?, asked.clone());
                on_a_thread(move || serve(client, &asked));
            }
            Ok(())
        });
        tunnel
    }

    /// The heads of all requests, whole.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(mut client: TcpStream, asked: &Mutex<Vec<String>>) -> io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if client.read(&mut byte)? == 0 {
            return Ok(());
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let target = head.split(' ').nth(1).unwrap().to_owned();
    asked.lock().unwrap().push(head);
    let mut server = TcpStream::connect(target)?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    on_a_thread(move || copy(&mut from_client, &mut to_server));
    copy(&mut server, &mut client)
}

#[expect(clippy::disallowed_methods, reason = "a proxy copies both ways at once")]
fn on_a_thread(run: impl FnOnce() -> io::Result<()> + Send + 'static) {
    std::thread::spawn(run);
}

fn copy(from: &mut TcpStream, to: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match from.read(&mut buffer) {
            Ok(0) | Err(_) => return to.shutdown(Shutdown::Both),
            Ok(read) => to.write_all(&buffer[..read])?,
        }
    }
}
