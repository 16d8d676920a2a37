use super::*;

/// Lines in, records out: what a caller without bounds makes of the verdicts.
fn joined(join: Join, lines: &[&str]) -> Vec<String> {
    let mut records: Vec<String> = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    let mut judge = Lines::new(join);
    for (number, line) in lines.iter().enumerate() {
        let at = At { first: number == 0, ends: true };
        let mut step = judge.step(line.as_bytes(), at);
        if step == Step::Broken {
            records.extend(open.drain(..).map(str::to_owned));
            step = judge.step(line.as_bytes(), at);
        }
        let more = match step {
            Step::Begins { open: more } => {
                if !open.is_empty() {
                    records.push(open.join("\n"));
                    open.clear();
                }
                more
            }
            Step::Continues { open: more } => {
                assert!(!open.is_empty(), "nothing is open: {line}");
                more
            }
            Step::Broken => panic!("broken twice: {line}"),
        };
        open.push(line);
        if !more {
            records.push(open.join("\n"));
            open.clear();
        }
    }
    if !open.is_empty() {
        records.push(open.join("\n"));
    }
    records
}

/// Records are told apart by blank lines in `text`; the lines come without them.
#[track_caller]
fn check(join: Join, text: &str) {
    let expected: Vec<&str> = text.trim_matches('\n').split("\n\n").collect();
    let lines: Vec<&str> = expected.iter().flat_map(|record| record.split('\n')).collect();
    assert_eq!(joined(join, &lines), expected);
}

#[test]
fn postgresql_goes_on_with_tabs_and_lines_without_a_stamp() {
    check(
        Join::Postgresql,
        "
2026-03-02 10:00:00.416 UTC [24981] ERROR:  syntax error at or near \"FORM\" at character 10

2026-03-02 10:00:00.416 UTC [24981] STATEMENT:  SELECT *
\tFORM t
\t  WHERE a = 1

2026-03-02 10:00:01.000 UTC,\"app\",\"db\",34,\"LOG\",\"statement: SELECT a
FROM b
WHERE c\"

2026-03-02 10:00:02 UTC [1] LOG:  checkpoint starting: time",
    );
    // A prefix without a stamp: the tab alone tells.
    check(Join::Postgresql, "user=a,db=b LOG:  statement: SELECT\n\t1\n\nuser=a,db=b LOG:  duration: 1 ms");
}

#[test]
fn java_traces_stay_with_their_line() {
    check(
        Join::Java,
        "
2026-03-02 10:00:00,081 ERROR [com.example.Users] (task-8) Error getting user
java.net.ConnectException: Connection refused
\tat com.example.Users.load(Users.java:42)
    at com.example.Main.run(Main.java:7)
Caused by: java.io.IOException: broken pipe
\t... 12 more
... 3 more

2026-03-02 10:00:01,000 INFO  [com.example.Main] (main) up

[2026-03-02 10:00:02,000] WARN second
of two lines

02-Mar-2026 10:00:03.896 WARNING [Thread-478] org.example.Loader
 java.lang.Object.wait(Native Method)",
    );
    check(Join::Java, "INFO one\n\nINFO two\n\tat a.b(C.java:1)\n\nINFO three");
}

#[test]
fn mysql_blocks_run_to_the_next_header() {
    check(
        Join::MysqlSlow,
        "
/usr/sbin/mysqld, Version: 8.0.36 (Source distribution). started with:

# Time: 2026-03-02T10:00:00.000001Z
# User@Host: app[app] @ db1.example.com [192.0.2.5]  Id:   182
# Query_time: 2.746607  Lock_time: 0.000138 Rows_sent: 10  Rows_examined: 3145718
SET timestamp=1772445600;
SELECT a,
  b
FROM c;

# User@Host: root[root] @ localhost []  Id:   183
# Query_time: 1.5  Lock_time: 0.0 Rows_sent: 0  Rows_examined: 0
SET timestamp=1772445601;
DELETE FROM t;

# Time: 2026-03-02T10:00:02.000001Z
# User@Host: root[root] @ localhost []  Id:   183
SELECT 1;",
    );
}

#[test]
fn oracle_blocks_stand_below_their_stamp() {
    check(
        Join::Oracle,
        "
Audit file /u01/app/oracle/admin/orcl/adump/orcl_ora_1.aud

Wed Oct  7 11:58:08 2026 -04:00
LENGTH : '166'
ACTION :[7] 'CONNECT'
STATUS:[1] '0'

2026-10-07T11:58:09.123456-04:00
ORA-00060: deadlock detected
2026-10-07 is in the text

Wed Oct 07 11:58:10 2026
Thread 1 advanced to log sequence 12",
    );
}

#[test]
fn json_goes_on_to_its_last_bracket_and_no_further() {
    check(
        Join::Json,
        "
{
  \"a\": \"}\",
  \"b\": [
    1
  ]
}

{\"one\": \"line\"}

[{\"a\":1},
{\"a\":2}]

plain text",
    );
    // What is no JSON is given back line by line.
    check(Join::Json, "{\n\nMar  2 10:00:00 web1 sshd[1]: hello\n\n{\n  \"a\": 1\n}");
    check(Join::Json, "{\"timestamp\":\"2026-03-02T10:00:0\n\n{\"a\":1}");
    check(Join::Json, "[2026-03-02 10:00:00] text\n\n[ERROR] text");
}

#[test]
fn a_document_is_only_what_a_file_begins_with() {
    check(Join::Documents, "[\n{\"a\":1},\n{\"a\":2}\n]\n\n{\n\n\"a\": 1\n\n}");
    check(Join::Documents, "first\n\n{\n\n  \"a\": 1\n\n}\n\n\tindented");
    check(Join::Off, "{\n\n}");
}

#[test]
fn auto_knows_each_by_its_lines() {
    check(
        Join::Auto,
        "
Mar  2 10:00:00 web1 app[1]: first
 second
\tthird

{
\"a\": 1
}

# Time: 2026-03-02T10:00:00.000001Z
# User@Host: a[a] @ b []
SELECT 1;

2026-03-02 10:00:00 ERROR x
java.lang.IllegalStateException
\tat a.b(C.java:1)

2026-03-02 10:00:01 INFO y",
    );
}

#[test]
fn an_overlong_line_goes_on_only_where_it_may_hold_several_events() {
    let part = At { first: false, ends: false };
    let last = At { first: false, ends: true };
    for join in [Join::Documents, Join::Auto, Join::Java] {
        let mut lines = Lines::new(join);
        assert_eq!(lines.step(br#"{"Records":[{"a":"x"#, part), Step::Begins { open: true }, "{join:?}");
        assert_eq!(lines.step(br#"y"},{"a":1"#, part), Step::Continues { open: true });
        assert_eq!(lines.step(b"}]}", last), Step::Continues { open: false });
        assert_eq!(lines.step(br#"{"timestamp":"x"#, part), Step::Begins { open: false });
        assert_eq!(lines.step(b"xxxx", part), Step::Begins { open: false });
    }
    assert_eq!(Lines::new(Join::Off).step(br#"{"Records":[{"#, part), Step::Begins { open: false });
}

#[test]
fn every_name_is_known() {
    for (name, join) in Join::ALL {
        assert_eq!(Join::by_name(name), Some(join));
    }
    assert_eq!(Join::by_name("perl"), None);
}

/// No order of lines makes a verdict that its caller could not follow, and no line is lost.
#[test]
fn any_lines_in_any_order_come_out_again() {
    let pieces = [
        "",
        " ",
        "\t",
        "{",
        "}",
        "[",
        "]",
        "{\"a\":1}",
        "\"a\": [",
        "],",
        "\tat x",
        "Caused by: y",
        "... 2 more",
        "# Time: 1",
        "# User@Host: a",
        "select 1;",
        "Wed Oct  7 11:58:08 2026",
        "2026-03-02 10:00:00 x",
        "text",
        "\u{feff}{",
        "a.b.CError",
    ];
    let mut seed = 7u64;
    for (_, join) in Join::ALL {
        for _ in 0..400 {
            let lines: Vec<&str> = (0..12)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    pieces[(seed >> 33) as usize % pieces.len()]
                })
                .collect();
            assert_eq!(joined(join, &lines).join("\n"), lines.join("\n"), "{join:?}");
        }
    }
}
