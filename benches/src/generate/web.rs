//! Squid's native access log and the combined log format of nginx and Apache.

use super::put::{Hex, Piece, Right, put};
use super::scene::Scene;
use super::world::WORDS;
use std::net::IpAddr;

/// User agents of the background.
const AGENTS: [&str; 6] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "monitoring-probe/2.4",
    "curl/8.14.1",
];

pub(crate) fn write_squid(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let domain = scene.domain();
    if scene.rng.per_mille(600) {
        return connect(out, scene, &domain);
    }
    let (word, page) = (scene.rng.pick(&WORDS), scene.rng.draw());
    let mut url = Vec::with_capacity(80);
    put!(&mut url; "http://", domain, "/", word, "/", Hex(page, 8), ".html");
    get(out, scene, &String::from_utf8(url).unwrap_or_default());
}

/// Opens a line: time, elapsed milliseconds (right-aligned, `%6tr`), client.
fn open_squid(out: &mut Vec<u8>, scene: &mut Scene<'_>, client: IpAddr) {
    let elapsed = scene.rng.size(14);
    put!(out; scene.stamp.second(), ".", scene.stamp.ms(), " ", Right(elapsed, 6), " ", client, " ");
}

pub(crate) fn connect(out: &mut Vec<u8>, scene: &mut Scene<'_>, domain: &dyn Piece) {
    let (user, remote) = (scene.user(), scene.outside());
    let client = scene.inside();
    open_squid(out, scene, client);
    put!(out; "TCP_TUNNEL/200 ", scene.rng.size(20), " CONNECT ");
    domain.put(out);
    put!(out; ":443 ", user, " HIER_DIRECT/", remote, " -");
}

/// A tunnel of `client` to `domain`.
pub(crate) fn contact(out: &mut Vec<u8>, scene: &mut Scene<'_>, client: IpAddr, domain: &str) {
    open_squid(out, scene, client);
    put!(out; "TCP_TUNNEL/200 ", scene.rng.size(14), " CONNECT ", domain, ":443 - HIER_DIRECT/198.51.100.66 -");
}

/// A GET of an absolute URL.
pub(crate) fn get(out: &mut Vec<u8>, scene: &mut Scene<'_>, url: &str) {
    let (user, remote) = (scene.user(), scene.outside());
    let hit = scene.rng.per_mille(250);
    let client = scene.inside();
    open_squid(out, scene, client);
    put!(out; if hit { "TCP_MEM_HIT/200 " } else { "TCP_MISS/200 " }, scene.rng.size(18), " GET ", url, " ", user);
    if hit {
        put!(out; " HIER_NONE/- text/html");
    } else {
        put!(out; " HIER_DIRECT/", remote, " text/html");
    }
}

pub(crate) fn write_nginx(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (word, page) = (scene.rng.pick(&WORDS), scene.rng.draw());
    let (status, client) = match scene.rng.below(100) {
        0..90 => ("200", scene.outside()),
        90..95 => ("304", scene.outside()),
        95..98 => ("302", scene.outside()),
        // What is not found is asked for by many clients a little: no scanner in the background.
        _ => ("404", scene.stranger()),
    };
    let mut target = Vec::with_capacity(64);
    put!(&mut target; "/", word, "/", Hex(page >> 20, 5), "?id=", page % 100_000);
    let agent = AGENTS[scene.rng.below(20).saturating_sub(14) as usize];
    request(out, scene, client, &String::from_utf8(target).unwrap_or_default(), status, agent);
}

/// One request in the combined log format.
pub(crate) fn request(
    out: &mut Vec<u8>,
    scene: &mut Scene<'_>,
    client: IpAddr,
    target: &str,
    status: &str,
    agent: &str,
) {
    let bytes = if status == "304" { 0 } else { scene.rng.size(18) };
    let method = if scene.rng.per_mille(120) { "POST" } else { "GET" };
    let user = scene.rng.per_mille(100).then(|| scene.user());
    put!(out; client, " - ");
    match user {
        Some(user) => user.put(out),
        None => out.push(b'-'),
    }
    put!(out; " [", scene.stamp.clf, "] \"", method, " ", target, " HTTP/1.1\" ", status, " ", bytes, " \"",
        scene.rng.pick(&["-", "https://www.example.com/", "https://portal.example.com/home"]), "\" \"", agent, "\"");
}
