//! The archive copied to a real S3-compatible server: locked there, whole when it is fetched back, whatever is away meanwhile.
//!
//! `NOROSHI_PYTHON` names a Python that has moto's server and boto3 (`scripts/python` makes one); without it the test says that it
//! was skipped.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use noroshi_tests::process::{Engine, run, told};
use noroshi_tests::webhook::free_address;
use noroshi_tests::work_dir::WorkDir;
use noroshi_tests::{send, until};

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

/// Makes the bucket with object lock.
const MAKE: &str = "s3.create_bucket(Bucket='siem', ObjectLockEnabledForBucket=True, \
                    CreateBucketConfiguration={'LocationConstraint': 'ap-northeast-1'})";

/// Says of each object whether it is locked, tries to delete what is, and fetches the newest of everything.
const FETCH: &str = r"
import pathlib
locked = refused = 0
for page in s3.get_paginator('list_object_versions').paginate(Bucket='siem'):
    for version in page.get('Versions', []):
        name, id = version['Key'], version['VersionId']
        head = s3.head_object(Bucket='siem', Key=name, VersionId=id)
        if head.get('ObjectLockMode') == 'COMPLIANCE':
            assert (head['ObjectLockRetainUntilDate'] - version['LastModified']).days in (29, 30), head
            locked += 1
            try:
                s3.delete_object(Bucket='siem', Key=name, VersionId=id)
            except botocore.exceptions.ClientError as error:
                refused += error.response['Error']['Code'] == 'AccessDenied'
        else:
            assert name == 'tokyo/siem-1/catalog.ndjson', name
for page in s3.get_paginator('list_objects_v2').paginate(Bucket='siem'):
    for found in page['Contents']:
        path = pathlib.Path('fetched') / found['Key']
        path.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file('siem', found['Key'], str(path))
print(locked, refused)
";

struct Server(Child);

impl Server {
    fn start(python: &std::ffi::OsStr, address: SocketAddr) -> Self {
        let mut command = Command::new(python);
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &address.port().to_string()]);
        Server(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs lines of Python that have a client `s3`.
fn boto(python: &std::ffi::OsStr, dir: &WorkDir, address: SocketAddr, lines: &str) -> Result<String, String> {
    let client = format!(
        "import boto3, botocore\ns3 = boto3.client('s3', endpoint_url='http://{address}', region_name='ap-northeast-1', \
         aws_access_key_id='k', aws_secret_access_key='s', config=botocore.config.Config(retries={{'max_attempts': 1}}))\n"
    );
    let output = Command::new(python)
        .current_dir(dir.path())
        .args(["-c", &(client + lines)])
        .output()
        .map_err(|e| e.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn config(address: SocketAddr) -> String {
    format!(
        "node = \"siem\"\nstate_dir = \"state\"\n[rules]\npaths = []\n[metrics]\nlisten = \"127.0.0.1:0\"\n\
         [archive]\nsegment_age_s = 1\n\
         [archive.copy]\nendpoint = \"http://{address}\"\nallow_http = true\nregion = \"ap-northeast-1\"\nbucket = \"siem\"\n\
         prefix = \"tokyo/siem-1\"\ncredentials_file = \"s3\"\nmode = \"compliance\"\nretain_days = 30\n\
         [[input]]\nname = \"tcp\"\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n[[output]]\ntype = \"file\"\npath = \"alerts.ndjson\"\n"
    )
}

fn feed(engine: &Engine, from: u64, to: u64) {
    let mut connection = send::tcp(engine.address("tcp"));
    (from..to).for_each(|n| writeln!(connection, "<13>1 2026-03-02T10:00:00Z h a - - - record {n}").unwrap());
}

#[test]
fn a_real_server_keeps_what_is_sealed_locked_and_whole() {
    let python = std::env::var_os("NOROSHI_PYTHON").filter(|python| !python.is_empty());
    let has_moto = |python: &std::ffi::OsString| {
        let output = Command::new(python).args(["-c", "import moto.server, boto3"]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let Some(python) = python.filter(has_moto) else {
        eprintln!(
            "skipped: NOROSHI_PYTHON names no Python with moto; scripts/python makes one where PyPI can be reached"
        );
        return;
    };
    let dir = WorkDir::default();
    let address = free_address();
    dir.write("noroshi.toml", config(address));
    dir.write("s3", "[default]\naws_access_key_id = k\naws_secret_access_key = s\n");
    // The server is away: records come in all the same, and what waits for it is told.
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    feed(&engine, 0, 50);
    engine.wait_metric("noroshi_archive_segments_sealed_total", "", 1);
    engine.wait_metric("noroshi_archive_copy_failures_total", "", 1);
    engine.wait_metric("noroshi_archive_copy_behind_segments", "", 1);
    engine.wait_log("the server takes no connection");
    // It comes, without the bucket, and then with it.
    let server = Server::start(&python, address);
    engine.wait_metric("noroshi_archive_copy_failures_total", "", 2);
    let made = || boto(&python, &dir, address, MAKE).ok();
    until("the bucket is made", made, || engine.log());
    engine.wait_metric("noroshi_archive_copied_segments_total", "", 1);
    let behind = || (engine.metric("noroshi_archive_copy_behind_segments", "") == 0.0).then_some(());
    until("nothing is behind", behind, || engine.log());
    // Killed, what was copied is known still; what the stop seals is copied by the next run.
    engine.kill();
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    feed(&engine, 50, 80);
    engine.wait_metric("noroshi_archive_copied_segments_total", "", 1);
    engine.terminate().assert_clean();
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    let tree = |name: &str| std::fs::read(dir.join(name)).ok();
    let fetched = || {
        let told = boto(&python, &dir, address, FETCH).ok()?;
        let same = tree("fetched/tokyo/siem-1/tree/checkpoint") == tree("state/archive/tree/checkpoint");
        same.then_some(told)
    };
    let counts = until("the copy holds the newest checkpoint", fetched, || engine.log());
    engine.terminate().assert_clean();
    let (locked, refused) = counts.trim().split_once(' ').unwrap();
    assert!(locked == refused && locked.parse::<u64>().unwrap() > 8, "of {locked} locked objects {refused} were kept");
    // Nothing was sent twice, and the host's key verifies what was fetched back, record for record.
    let versions = "names = [v['Key'] for v in s3.list_object_versions(Bucket='siem')['Versions'] if '/segments/' in v['Key']]\n\
                    print(len(names) - len(set(names)))";
    assert_eq!(boto(&python, &dir, address, versions).unwrap().trim(), "0");
    drop(server);
    let args = ["verify", "--archive", "fetched/tokyo/siem-1", "--key", "state/archive/keys/log.pub", "--records"];
    let verified = run(NOROSHI, dir.path(), &args, b"");
    assert!(verified.status.success(), "{}", told(&verified));
    assert!(told(&verified).contains("\"records\":80"), "{}", told(&verified));
}
