//! One connection from its first request to its end: each request is numbered, gets its step, and the step is played.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use crate::answer::{self, Answer};
use crate::http::{self, Head, ReadError};
use crate::line::{Broken, Line};
use crate::plan::Turn;
use crate::report::{Outcome, Request};
use crate::scenario::{Action, AfterPause, Cors, Garbage, ResetAt};
use crate::shared::Shared;
use crate::store::{self, Brought, Encoding, Refusal};

/// Serves a connection until it ends.
pub(crate) fn serve(mut line: Line, shared: &Arc<Shared>, connection: u64) {
    loop {
        let end = match http::read_head(&mut line) {
            Ok(head) => serve_request(&mut line, shared, connection, &head),
            Err(error) => Err(error),
        };
        line.clear_faults();
        match end {
            Ok(true) => {}
            Ok(false) => return line.close(),
            Err(ReadError::Broken(Broken::Left | Broken::Stopped)) => return,
            Err(ReadError::Broken(Broken::Reset)) => {
                shared.change(|state| state.report.resets += 1);
                return line.reset();
            }
            Err(ReadError::Tls) => {
                shared.change(|state| state.report.tls_hellos += 1);
                return line.close();
            }
            Err(ReadError::Bad(status)) => {
                shared.change(|state| state.report.bad_requests += 1);
                let refusal =
                    Answer::new(status, "text/plain", b"this is not a request that I can read".to_vec());
                let _ = answer::send(&mut line, &refusal, false);
                return line.close();
            }
        }
    }
}

/// Plays one request and says whether the connection goes on.
fn serve_request(line: &mut Line, shared: &Shared, connection: u64, head: &Head) -> Result<bool, ReadError> {
    let cors = shared.read(|state| state.plan.scenario().cors);
    if head.method == "OPTIONS" && cors != Cors::Off {
        http::read_body(line, head, None)?;
        let preflight = with_cors(Answer::new(204, "", Vec::new()), cors)
            .header("Access-Control-Allow-Methods", "POST, OPTIONS")
            .header(
                "Access-Control-Allow-Headers",
                head.header("access-control-request-headers").unwrap_or("*"),
            );
        answer::send(line, &preflight, head.keep_alive)?;
        return Ok(head.keep_alive);
    }

    let at = shared.elapsed();
    let turn = shared.change(|state| {
        let turn = state.plan.turn(&head.path, at.as_secs_f64())?;
        state.report.open_request(Request {
            number: turn.number,
            connection,
            at,
            method: head.method.clone(),
            path: head.path.clone(),
            headers: head.headers.clone(),
            body_bytes: 0,
            unpacked_bytes: 0,
            action: turn.action.name(),
            items: 0,
            stored: 0,
            problem: None,
            status: None,
            outcome: Outcome::Running,
        });
        Some(turn)
    });
    // A closed door that the listener has not noticed yet.
    let Some(turn) = turn else { return Err(Broken::Reset.into()) };

    let played = Player { line, shared, head, turn: &turn, cors, encoding: store::encoding_of(head) }.play();
    let outcome = match &played {
        Ok(()) => Outcome::Answered,
        Err(ReadError::Broken(Broken::Left)) => Outcome::ClientLeft,
        Err(ReadError::Broken(Broken::Stopped)) => Outcome::Stopped,
        Err(ReadError::Broken(Broken::Reset)) => Outcome::Reset,
        Err(ReadError::Bad(_) | ReadError::Tls) => Outcome::Answered,
    };
    shared.change(|state| {
        state.report.change_request(turn.number, |request| {
            request.outcome = outcome;
            if let Err(ReadError::Bad(status)) = &played {
                request.status = Some(*status);
            }
        });
    });
    played.map(|()| head.keep_alive)
}

struct Player<'a> {
    line: &'a mut Line,
    shared: &'a Shared,
    head: &'a Head,
    turn: &'a Turn,
    cors: Cors,
    encoding: Encoding,
}

type Read = Result<Brought, Refusal>;

impl Player<'_> {
    fn play(mut self) -> Result<(), ReadError> {
        let network = self.turn.network;
        let mut dice = Rng::with_seed(self.turn.seed);
        let lost = dice.f64() * 100.0 < network.loss_percent;
        if lost {
            self.shared.change(|state| {
                state.report.change_request(self.turn.number, |request| request.action = "loss");
            });
        }
        if lost || self.turn.action == Action::BlackHole {
            return Err(self.line.be_silent().into());
        }

        self.line.rate = network.bytes_per_second;
        let read = self.read_body()?;
        let late = wait_of(network.latency_ms, network.jitter_ms, &mut dice);
        self.line.sleep(late)?;
        if network.corrupt_percent > 0.0 {
            self.line.corrupt = Some((dice, network.corrupt_percent / 100.0));
        }
        self.act(read)
    }

    fn read_body(&mut self) -> Result<Read, ReadError> {
        let stop_at = match &self.turn.action {
            Action::Reset(reset) => match reset.when {
                ResetAt::BodyByte(count) => Some(count),
                _ => None,
            },
            _ => None,
        };
        let waits =
            self.head.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"));
        if waits && self.head.has_body() && stop_at != Some(0) {
            self.line.send(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let body = http::read_body(self.line, self.head, stop_at)?;
        let body_bytes = body.len() as u64;
        let read = store::read(self.head, body);
        self.shared.change(|state| {
            if read.as_ref().is_err_and(|refusal| refusal.status == 400) {
                state.report.undecodable += 1;
            }
            state.report.change_request(self.turn.number, |request| {
                request.body_bytes = body_bytes;
                match &read {
                    Ok(brought) => {
                        request.unpacked_bytes = brought.unpacked_bytes;
                        request.items = brought.items();
                    }
                    Err(refusal) => request.problem = Some(refusal.problem.clone()),
                }
            });
        });
        Ok(read)
    }

    fn act(mut self, read: Read) -> Result<(), ReadError> {
        let turn = self.turn;
        match &turn.action {
            Action::Accept => self.accept(read, 0, ""),
            Action::PartialSuccess(partial) => self.accept(read, partial.rejected, &partial.message),
            Action::Status(status) => {
                if status.store {
                    self.store(&read, 0);
                }
                self.send(answer::scripted(self.encoding, status))
            }
            Action::Garbage(garbage) => {
                self.store(&read, 0);
                self.send(self.garbage(*garbage))
            }
            Action::Stall(stall) => {
                self.store(&read, 0);
                self.line.sleep(Duration::from_secs_f64(stall.think_seconds))?;
                self.line.rate = stall.bytes_per_second.or(self.line.rate);
                self.accept_stored(read, 0, "")
            }
            Action::Reset(reset) => {
                if reset.store {
                    self.store(&read, 0);
                }
                match reset.when {
                    ResetAt::ResponseByte(count) if count > 0 => {
                        self.line.send_at_most = Some(count);
                        self.accept_stored(read, 0, "")?;
                    }
                    _ => {}
                }
                // Also where the answer was shorter.
                Err(Broken::Reset.into())
            }
            Action::Huge(huge) => {
                self.store(&read, 0);
                self.note_status(200);
                Ok(answer::send_huge(self.line, self.encoding, huge.kind, huge.bytes)?)
            }
            Action::Redirect(redirect) => {
                let to = redirect.to.replace("{port}", &self.shared.port.to_string());
                self.send(Answer::new(redirect.code, "", Vec::new()).header("Location", to))
            }
            Action::PauseAfterStore(pause) => {
                self.store(&read, 0);
                self.line.sleep(Duration::from_secs_f64(pause.seconds))?;
                match pause.then {
                    AfterPause::Answer => self.accept_stored(read, 0, ""),
                    AfterPause::Reset => Err(Broken::Reset.into()),
                }
            }
            // Both were met before the body was read.
            Action::BlackHole | Action::Refuse(_) => Err(Broken::Reset.into()),
        }
    }

    fn accept(&mut self, read: Read, rejected: u64, message: &str) -> Result<(), ReadError> {
        self.store(&read, rejected);
        self.accept_stored(read, rejected, message)
    }

    fn accept_stored(&mut self, read: Read, rejected: u64, message: &str) -> Result<(), ReadError> {
        let answer = match read {
            Ok(_) => answer::success(self.encoding, rejected, message),
            Err(refusal) => answer::failure(self.encoding, refusal.status, &refusal.problem),
        };
        self.send(answer)
    }

    fn store(&self, read: &Read, rejected: u64) {
        let Ok(brought) = read else { return };
        let rejected = usize::try_from(rejected).unwrap_or(usize::MAX);
        let kept = brought.spans.get(rejected..).unwrap_or_default();
        self.shared.change(|state| {
            for id in kept {
                state.report.spans.add(*id);
            }
            let log_records = brought.log_records.saturating_sub(rejected as u64);
            state.report.log_records += log_records;
            state.report.change_request(self.turn.number, |request| {
                request.stored = kept.len() as u64 + log_records;
            });
        });
    }

    fn garbage(&self, kind: Garbage) -> Answer {
        let other = match self.encoding {
            Encoding::Protobuf => Encoding::Json,
            Encoding::Json => Encoding::Protobuf,
        };
        match kind {
            Garbage::Empty => Answer::new(200, "", Vec::new()),
            Garbage::Html => {
                let page = b"<!doctype html><title>Sign in</title><p>Please sign in to the network.".to_vec();
                Answer::new(200, "text/html; charset=utf-8", page)
            }
            Garbage::TruncatedProto => {
                // A field that is announced with ten bytes and has three.
                Answer::new(200, answer::content_type(Encoding::Protobuf), vec![0x0a, 10, 8, 1, 0x12])
            }
            Garbage::WrongContentType => {
                let good = answer::success(self.encoding, 0, "");
                Answer::new(200, answer::content_type(other), good.body)
            }
        }
    }

    fn send(&mut self, answer: Answer) -> Result<(), ReadError> {
        self.note_status(answer.status);
        answer::send(self.line, &with_cors(answer, self.cors), self.head.keep_alive)?;
        Ok(())
    }

    fn note_status(&self, status: u16) {
        self.shared.change(|state| {
            *state.report.statuses.entry(status).or_insert(0) += 1;
            state.report.change_request(self.turn.number, |request| request.status = Some(status));
        });
    }
}

fn with_cors(answer: Answer, cors: Cors) -> Answer {
    match cors {
        Cors::Off => answer,
        Cors::WithoutExpose => answer.header("Access-Control-Allow-Origin", "*"),
        Cors::On => answer
            .header("Access-Control-Allow-Origin", "*")
            .header("Access-Control-Expose-Headers", "Retry-After, Date"),
    }
}

fn wait_of(latency_ms: u64, jitter_ms: u64, dice: &mut Rng) -> Duration {
    let spread = dice.f64() * 2.0 - 1.0;
    let millis = latency_ms as f64 + spread * jitter_ms as f64;
    Duration::from_secs_f64((millis / 1000.0).clamp(0.0, 1e9))
}
