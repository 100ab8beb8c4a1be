use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

/// Redacts with these known names; also holds for every text that redacting again changes nothing.
fn redacted(text: &str) -> String {
    let known = [
        "service:user-api",
        "user-api",
        "orders",
        "orders/3",
        "orders-4711-eu",
        "instance:10.9.8.7",
        "198.51.100.7:9092",
        "auth-token",
        "3",
    ];
    let mut redactor = Redactor::new(known.map(str::to_owned));
    let once = redactor.redact(text);
    assert_eq!(redactor.redact(once.as_str()), once, "not stable for {text:?}");
    let mut other = Redactor::new(known.map(str::to_owned));
    assert_eq!(other.redact(once.as_str()), once, "not stable for {text:?} with another redactor");
    once.as_str().to_owned()
}

/// States all at once, so that one look at a failure shows everything that a change moved.
fn check(table: &[(&str, &str)]) {
    let wrong = table.iter().filter(|(text, expected)| redacted(text) != *expected);
    let wrong: Vec<_> =
        wrong.map(|(text, expected)| format!("{text}\n  is  {}\n  not {expected}", redacted(text))).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn check_kept(texts: &[&str]) {
    check(&texts.iter().map(|text| (*text, *text)).collect::<Vec<_>>());
}

#[test]
fn the_wording_of_kafka_and_its_clients_stays() {
    check_kept(&[
        "[Consumer clientId=consumer-fulfilment-1, groupId=fulfilment] Request joining group due to: group is already rebalancing",
        "[Consumer clientId=c-1, groupId=g] Setting offset for partition orders-3 to the committed offset FetchPosition{offset=48211, offsetEpoch=Optional[4], currentLeader=LeaderAndEpoch{leader=Optional[kafka-2.internal:9092 (id: 2 rack: null)], epoch=4}}",
        "Fetch position FetchPosition{offset=4111111111111111, offsetEpoch=Optional.empty} is out of range for partition orders-3",
        "Preparing to rebalance group fulfilment in state Stable with old generation 4711 (reason: Updating metadata for member consumer-fulfilment-1-3fa85f64-5717-4562-b3fc-2c963f66afa6)",
        "org.apache.kafka.clients.consumer.CommitFailedException: Commit cannot be completed since the group has already rebalanced",
        "orders-db - Connection is not available, request timed out after 30004ms (total=10, active=10, idle=0, waiting=10)",
        "Error deserializing VALUE for partition orders-3 at offset 48211. If needed, please seek past the record to continue consumption.",
        "Backoff FixedBackOff{interval=0, currentAttempts=10, maxAttempts=9, maxInterval=0} exhausted for orders-3@48211",
        "Connection to node 1 (kafka-1/10.0.0.5:9092) could not be established. Node may not be available.",
        "Error connecting to node kafka-2.prod.example.com:9092 (id: 2 rack: null)",
        "Resetting offset for partition orders-3 to position FetchPosition{offset=0}, lag 1234567890123, CreateTime = 1700000000000",
        "consumer poll timeout has expired. max.poll.interval.ms=300000, max.poll.records=500, session.timeout.ms=45000",
        "The coordinator reports out of order sequence number for producer 4000 at offset 12 in partition orders-3: 15 (incoming seq. number), 10 (current end sequence number)",
        "SESSTMOUT consumer group session timed out (in join-state steady) after 45003 ms without a successful response",
        "Built incremental fetch (sessionId=1204883, epoch=5) for node 1. Added 0 partition(s)",
        "sasl.jaas.config = [hidden], ssl.keystore.password = null, sasl.mechanism = SCRAM-SHA-512",
    ]);
}

#[test]
fn the_wording_of_virtual_machines_pools_and_databases_stays() {
    check_kept(&[
        "GC(3) User=0.05s Sys=0.00s Real=0.01s",
        "[GC (Allocation Failure) [PSYoungGen: 328070K->55019K(503808K)] 649122K->396284K(1078272K), 0.3093583 secs] [Times: user=0.43 sys=0.12, real=0.31 secs]",
        "[gc] GC(42) Pause Full (G1 Compaction Pause) 3800M->2800M(4000M) 850.789ms",
        "cpu user 12, system 3; user=12% sys=3%",
        "HikariPool-1 - Thread starvation or clock leap detected (housekeeper delta=1m12s345ms).",
        "No operations allowed after connection closed: com.mysql.cj.jdbc.ConnectionImpl@5b2f8e6a",
        "Seconds_Behind_Master: 4711, Relay_Log_Pos=1204883311, Exec_Master_Log_Pos: 99120481",
        "Lock wait timeout exceeded; try restarting transaction",
        "2024-01-15T12:34:56.789+02:00 INFO 12345 --- [ntainer#0-0-C-1] c.e.FulfilmentListener : processed 500 records in 1204 ms",
        "user(s) connected: users 1200, login() failed, processed orders 4711 in 12 s, unknown api key 61, key size 5",
        "user not found; order by created_at; in order to retry; account is locked; User: not authorized",
        "password authentication failed (using password: YES); token expired; bearer authentication failed; Invalid token: expected",
        "std::io::Error at foo::bar::baz, [0:0] ::1 fe80::1 12:34:56 10.1.2.3 192.168.1.1:3306 127.0.0.1 v1.2.3.4",
        "not as many times as values (2 times, 3 values)",
        "deployment user-api-7d9f8c6b5-x2x1p scaled from 3 to 4, pods order-svc-5f7d9c4b8-abcde ready",
        "1700000000000 1700000000000123 1700000000000123456 48211 2024-01-15 00000000000000048211.log",
    ]);
}

#[test]
fn users_are_taken_out_however_their_key_is_written() {
    check(&[
        ("user=alice logged in", "user=<user:1> logged in"),
        ("userId: 4711, user_id=4712 user-id = 4713", "userId: <user:1>, user_id=<user:2> user-id = <user:3>"),
        ("uid=1000 guid=7", "uid=<user:1> guid=7"),
        (r#"{"userId":"a-17","ok":true}"#, r#"{"userId":"<user:1>","ok":true}"#),
        (r#"{\"userId\":\"a-17\"}"#, r#"{\"userId\":\"<user:1>\"}"#),
        ("customer 12345 and customer no. 12345", "customer <user:1> and customer no. <user:1>"),
        (
            "customer #12345, customer (id 99), customer12345",
            "customer #<user:1>, customer (id <user:2>), customer<user:1>",
        ),
        ("account number 00123 of account-4711", "account number <user:1> of account-<user:2>"),
        ("app_user_id=5&lastUserId=6", "app_user_id=<user:1>&lastUserId=<user:2>"),
        ("user 3fa85f64-5717-4562-b3fc-2c963f66afa6 waits", "user <user:1> waits"),
        (
            "Access denied for user 'orders_app'@'10.1.2.3' (using password: YES)",
            "Access denied for user '<user:1>'@'10.1.2.3' (using password: YES)",
        ),
        ("Principal = User:alice is Denied Operation = Read", "Principal = <user:1> is Denied Operation = Read"),
        ("customer=Customer{id=5, name=Eve} saved", "customer=<user:1> saved"),
        (r#""user":{"id":5,"mail":"x"},"n":1"#, r#""user":{<user:1>},"n":1"#),
        ("customerName=Ann Lee Smith city=Rome", "customerName=<user:1> city=Rome"),
        ("GET /api/users/alice/orders/4711?x=1 200", "GET /api/users/<user:1>/orders/<order:1>?x=1 200"),
        ("GET /users/{id} 404", "GET /users/{id} 404"),
        ("userIds=[1, 2, 3] done", "userIds=[<user:1>] done"),
        ("user='bob", "user='<user:1>"),
        ("User bob@corp logged in, username eve failed", "User <user:1> logged in, username <user:2> failed"),
        (
            "user: Bob Smith retries, customerId=C-17 Connection refused",
            "user: <user:1> retries, customerId=<user:2> Connection refused",
        ),
        ("sign-in attempt for 'eve'", "sign-in attempt for '<user:1>'"),
        ("acct# 12345, enduser.id=eve", "acct# <user:1>, enduser.id=<user:2>"),
        ("shipping_address=\"5 Main St\" dob=1990-01-01", "shipping_address=\"<user:1>\" dob=<user:2>"),
        ("users 4711, 4712 and 4713 wait", "users <user:1>, <user:2> and <user:3> wait"),
        ("charge of cus_Nf7aB2kL9mQ1 failed", "charge of <user:1> failed"),
        ("user=\"bob", "user=\"<user:1>"),
    ]);
}

#[test]
fn orders_are_taken_out_however_they_are_numbered() {
    check(&[
        ("order 4711 failed", "order <order:1> failed"),
        ("Order #A-4711-B: retry", "Order #<order:1>: retry"),
        (
            "order_id=4711, orderId=4711 orderNumber: 4712",
            "order_id=<order:1>, orderId=<order:1> orderNumber: <order:2>",
        ),
        ("order no. 2024/4711.", "order no. <order:1>."),
        ("lost #ORD-2024-17 and ORD-2024-18", "lost <order:1> and <order:2>"),
        ("order-4711 order_4712", "order-<order:1> order_<order:2>"),
        ("order numbers 4711, 4712 and 4713, 1200 ms", "order numbers <order:1>, <order:2> and <order:3>, 1200 ms"),
        (r#"{"order":{"id":4711},"invoice":"17-4"}"#, r#"{"order":{<order:1>},"invoice":"<order:2>"}"#),
        ("Order{id=4711, total=5} order[4712]", "Order{<order:1>} order[<order:2>]"),
        ("order ids: 1,2,17", "order ids: <order:1>,<order:2>,<order:3>"),
        ("orders 4711, 4712 are late", "orders <order:1>, <order:2> are late"),
        ("where order_id in (4711, 4712)", "where order_id in (<order:1>, <order:2>)"),
        ("paymentId=pay_17x", "paymentId=<order:1>"),
        ("newOrderId=77", "newOrderId=<order:1>"),
        ("request id 3fa85f64-5717-4562-b3fc-2c963f66afa6 of order 7", "request id <request:1> of order <order:1>"),
    ]);
    check_kept(&[
        "request id 3fa85f64-5717-4562-b3fc-2c963f66afa6 took 7 ms",
        "orders-3 and partition orders/3",
        "order=asc",
    ]);
}

#[test]
fn people_cannot_be_reached_or_charged_by_what_is_left() {
    check(&[
        ("mail to Alice.B+x@shop.example.com, alice.b+x@shop.example.com.", "mail to <email:1>, <email:1>."),
        ("?to=alice%40example.com&x", "?to=<email:1>&x"),
        ("jürgen@bücher.example wrote", "<email:1> wrote"),
        ("user=alice@example.com", "user=<email:1>"),
        ("call +49 170 1234567 or +1 (555) 123-4567", "call <phone:1> or <phone:2>"),
        ("(555) 234-4567, 555-234-4567, +4917012345678", "<phone:1>, <phone:1>, <phone:2>"),
        ("phone=1701234567 tel: 0170/1234567", "phone=<phone:1> tel: <phone:2>"),
        ("0049 170 1234567", "<phone:1>"),
        ("card 4111 1111 1111 1111, 4111-1111-1111-1111", "card <card:1>, <card:1>"),
        ("paid 12 4111111111111111 378282246310005", "paid 12 <card:1> <card:2>"),
        ("IBAN DE89 3704 0044 0532 0130 00 rejected", "IBAN <iban:1> rejected"),
        ("client 203.0.113.9:52011 and 2001:db8::17: reset", "client <ip:1>:52011 and <ip:2>: reset"),
        ("cvv=123", "cvv=<secret:1>"),
    ]);
    check_kept(&[
        "4111111111111112",
        "growth +1040 records/s, +104000000 bytes",
        "broker 198.51.100.7:9092 and 198.51.100.7",
    ]);
}

#[test]
fn secrets_are_taken_out_in_every_dress() {
    check(&[
        ("Authorization: Bearer abc.def-1234567", "Authorization: Bearer <secret:1>"),
        ("authorization=Basic dXNlcjpwdw==", "authorization=Basic <secret:1>"),
        ("got Bearer 0123456789abcdef", "got Bearer <secret:1>"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl x", "jwt <secret:1> x"),
        ("key AKIAIOSFODNN7EXAMPLE", "key <secret:1>"),
        ("aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCY", "aws_secret_access_key=<secret:1>"),
        ("password=hunter2 DB_PASSWORD: correct,horse;x user=", "password=<secret:1> DB_PASSWORD: <secret:2> user="),
        ("ssl.keystore.password=\"a\\\"b c\" next", "ssl.keystore.password=\"<secret:1>\" next"),
        ("x-api-key: 9f8e7d6c5b4a, apiKey=zzz", "x-api-key: <secret:1>, apiKey=<secret:2>"),
        ("jdbc:mysql://app:p@ss@orders-db:3306/orders", "jdbc:mysql://<secret:1>@orders-db:3306/orders"),
        ("dsn app:pw@tcp(orders-db:3306)/x", "dsn <secret:1>@tcp(orders-db:3306)/x"),
        ("jdbc:oracle:thin:scott/tiger@db.example.com:1521", "jdbc:oracle:thin:<email:1>:1521"),
        ("http://x/?token=abc&user=eve", "http://x/?token=<secret:1>&user=<user:1>"),
        ("Cookie: SID=31d4; theme=dark", "Cookie: <secret:1>"),
        (
            "-----BEGIN RSA PRIVATE KEY----- MIIE x -----END RSA PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----<secret:1>-----END RSA PRIVATE KEY-----",
        ),
        ("curl -u eve:pw http://x; session=7f3b9c0d1e2f3a4b5c6d", "curl -u <secret:1> http://x; session=<secret:2>"),
        ("ghp_0123456789abcdefghijABCDEFGHIJ", "<secret:1>"),
        ("https://hooks.slack.com/services/T0/B0/xyz", "https://<secret:1>"),
        (r#"username="svc" password="pw";"#, r#"username="<user:1>" password="<secret:1>";"#),
        ("password=orders", "password=<secret:1>"),
    ]);
}

#[test]
fn values_of_rows_and_records_are_taken_out_and_the_statement_stays() {
    check(&[
        ("Duplicate entry '4711' for key 'orders.PRIMARY'", "Duplicate entry '<value:1>' for key 'orders.PRIMARY'"),
        ("Duplicate entry 'O'Neil' for key 'customers.name'", "Duplicate entry '<value:1>' for key 'customers.name'"),
        ("Detail: Key (order_id)=(4711) already exists.", "Detail: Key (order_id)=(<order:1>) already exists."),
        ("Key (email)=(a@b.example) already exists.", "Key (email)=(<email:1>) already exists."),
        (
            "SQL [INSERT INTO orders VALUES (4711, 'x'), (4712, 'y')]; 23 ms",
            "SQL [INSERT INTO orders VALUES (<value:1>), (<value:2>)]; 23 ms",
        ),
        (
            "SELECT * FROM orders WHERE id = 4711 AND name = 'eve' took 1200 ms (total=10, active=10)",
            "SELECT * FROM orders WHERE id = <value:1> AND name = '<value:2>' took 1200 ms (total=10, active=10)",
        ),
        (
            "failed: ConsumerRecord(topic = orders, partition = 3, offset = 48211, key = 4711, value = {\"a\": (1)}) retry",
            "failed: ConsumerRecord(topic = orders, partition = 3, offset = 48211, key = <value:1>, value = <value:2>) retry",
        ),
        ("parameters: $1 = '4711', $2 = 'eve'", "parameters: $1 = '<value:1>', $2 = '<value:2>'"),
        ("binding parameter [1] as [VARCHAR] - [eve]", "binding parameter [1] as [VARCHAR] - [<value:1>]"),
        ("record with key 4711 at offset 48211", "record with key <value:1> at offset 48211"),
        ("hot key=4711 on orders-3", "hot key=<value:1> on orders-3"),
    ]);
}

#[test]
fn known_names_stay_even_where_a_private_thing_could_stand() {
    check_kept(&[
        "user=user-api called orders-4711-eu",
        "order orders-4711-eu, host 10.9.8.7",
        "user=198.51.100.7:9092 opened a connection",
        "connection to auth-token:9092 refused",
    ]);
    check(&[
        ("order 3 at partition 3", "order <order:1> at partition 3"),
        ("auth-token: 9f8e7d6c5b4a", "auth-token: <secret:1>"),
    ]);
}

#[test]
fn one_person_keeps_one_token_within_an_incident() {
    let mut redactor = Redactor::new([]);
    let mut say = |text: &str| redactor.redact(text).as_str().to_owned();
    assert_eq!(say("user=eve"), "user=<user:1>");
    assert_eq!(say("user=bob"), "user=<user:2>");
    assert_eq!(say("retry for user eve7, user: eve"), "retry for user <user:3>, user: <user:1>");
}

#[test]
fn tokens_of_an_earlier_redaction_are_not_given_to_somebody_else() {
    let mut redactor = Redactor::new([]);
    assert_eq!(redactor.redact("user=<user:7> user=eve").as_str(), "user=<user:7> user=<user:8>");
}

#[test]
fn what_a_terminal_would_obey_or_hide_is_gone() {
    check(&[
        ("\u{1b}[31;1mfailed\u{1b}[0m\tnow\r\n\tat x", "failed now   at x"),
        ("\u{1b}]0;title\u{7}text \u{1b}]8;;http://x\u{1b}\\link", "text link"),
        ("a\u{0}b\u{7f}c\u{9b}2Jd", "abcd"),
        ("al\u{200b}ice@exa\u{ad}mple.com \u{202e}txt", "<email:1> txt"),
        ("\u{1b}", ""),
    ]);
}

#[test]
fn a_long_text_is_cut_without_cutting_a_token_or_showing_half_a_card() {
    for pad in 4060..4110 {
        let text = format!("{} card 4111 1111 1111 1111 {}", "x".repeat(pad), "y".repeat(5000));
        let short = redacted(&text);
        assert!(short.len() <= MAX_BYTES && short.ends_with('…'), "{pad}: {} bytes", short.len());
        assert!(!short.contains('4') && !short.contains("<card…"), "{pad}: {}", &short[short.len() - 40..]);
    }
    let many = redacted(&"user=a1 ".repeat(1000));
    assert!(many.len() <= MAX_BYTES && many.ends_with('…'));
}

#[test]
fn a_long_stack_trace_keeps_its_causes() {
    let frames = "\n\tat com.example.Some.method(Some.java:42)".repeat(300);
    let text = format!("java.lang.RuntimeException: a{frames}\nCaused by: java.sql.SQLException: b{frames}");
    assert_eq!(
        redacted(&text),
        "java.lang.RuntimeException: a  at com.example.Some.method(Some.java:42)… \
         Caused by: java.sql.SQLException: b  at com.example.Some.method(Some.java:42)…"
    );
}

#[test]
fn ten_megabytes_are_no_burden() {
    let steps = |text: String| {
        let mut redactor = Redactor::new([]);
        assert!(redactor.redact(&text).as_str().len() <= MAX_BYTES);
    };
    // Quadratic behaviour anywhere would make these run for hours.
    for part in ["a", "user=x ", "4111 ", "<user:", "\u{1b}]0;", "\\\"", "((((", "a@", "1.", "::", "'", "\n\tat x", "é"]
    {
        steps(part.repeat(10_000_000 / part.len()));
    }
}

#[test]
fn the_debug_form_tells_nothing_of_what_was_taken_out() {
    let mut redactor = Redactor::new([]);
    redactor.redact("password=hunter2");
    assert!(!format!("{redactor:?}").contains("hunter2"));
}

/// Words of log lines, private and not, so that joining them makes lines worth trying.
fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[ -~]{0,12}",
        1 => "\\PC{0,6}",
        1 => any::<char>().prop_map(String::from),
        4 => prop::sample::select(vec![
            "user", "userId", "order", "customer", "account", "password", "token", "key", "phone", "card", "cookie", "Authorization",
            "=", ": ", " ", "-", "_", "/", "#", "\"", "'", "\\\"", "(", ")", "[", "]", "{", "}", ",", ";", "&", "%40", "…", "\n", "\u{1b}[0m",
            "4711", "4111 1111 1111 1111", "alice@example.com", "203.0.113.9", "+49 170 1234567", "<user:1>", "<order:2>", "<secret:3>", "eve",
            "ConsumerRecord(", "key = ", ", value = ", "VALUES (", "INSERT INTO", "Duplicate entry '", "/users/", "/orders/", "://", "@",
            "Bearer ", "ORD-", "offset ", "null", "not",
        ])
        .prop_map(str::to_owned),
    ]
}

fn line() -> impl Strategy<Value = String> {
    prop::collection::vec(fragment(), 0..24).prop_map(|parts| parts.concat())
}

fn secret_piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{3,8}[0-9]{2}@[a-z]{3,8}\\.(com|org|example)",
        "4[0-9]{14}".prop_map(|digits| with_check_digit(&digits)),
        "5[1-5][0-9]{13}".prop_map(|digits| with_check_digit(&digits)),
        "eyJ[A-Za-z0-9_-]{20,40}\\.[A-Za-z0-9_-]{20,40}\\.[A-Za-z0-9_-]{20,30}[A-Za-z0-9]",
        "AKIA[A-Z0-9]{16}",
        "ghp_[A-Za-z0-9]{36}",
    ]
}

fn with_check_digit(digits: &str) -> String {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, b)| match (place % 2, u32::from(b - b'0')) {
            (0, digit) if digit > 4 => 2 * digit - 9,
            (0, digit) => 2 * digit,
            (_, digit) => digit,
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

proptest! {
    // Seeded, so that a word drawn by chance that reads like a key (`pwd`) fails everybody or nobody.
    #![proptest_config(ProptestConfig { cases: 600, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn redacting_twice_changes_nothing(text in line()) {
        let mut redactor = Redactor::new(["orders".to_owned(), "eve".to_owned()]);
        let once = redactor.redact(&text);
        prop_assert_eq!(&redactor.redact(once.as_str()), &once);
        prop_assert_eq!(&Redactor::new(["orders".to_owned(), "eve".to_owned()]).redact(once.as_str()), &once);
        prop_assert!(!once.as_str().contains(char::is_control));
        prop_assert!(once.as_str().len() <= MAX_BYTES);
    }

    #[test]
    fn planted_mails_cards_and_tokens_never_survive(
        before in "[a-zé (\\[{\",:=]{0,40}[ =:,\"']",
        secret in secret_piece(),
        after in "[ ,;\"')][ -~]{0,40}",
        pad in 0_usize..5000,
    ) {
        let text = format!("{}{before}{secret}{after}", "lorem ".repeat(pad / 6));
        let kept = Redactor::new([]).redact(&text);
        prop_assert!(!kept.as_str().contains(&secret), "{}", kept);
    }

    #[test]
    fn planted_users_orders_and_passwords_never_survive(
        before in "[a-z ,.]{0,20} ",
        key in prop::sample::select(vec![
            "user=", "userId: ", "user_id=\"", "customer ", "customerId = ", "account #", "order ", "orderId=", "\"orderId\":", "order no. ",
            "password=", "api_key: ", "uid=",
        ]),
        value in "[A-Z]{2}[0-9]{5,9}",
        after in "[ ,\"][a-z ,]{0,20}",
    ) {
        let kept = Redactor::new([]).redact(&format!("{before}{key}{value}{after}"));
        prop_assert!(!kept.as_str().contains(&value), "{}", kept);
    }

    #[test]
    fn known_names_survive_in_any_sentence(
        names in prop::collection::vec("[a-z]{4,8}([-_.][a-z0-9]{1,6}){1,3}", 1..5),
        before in prop::sample::select(vec!["user=", "order ", "at ", "customer: ", "host ", "client="]),
        after in prop::sample::select(vec!["", ":9092", ", retrying", ".", " failed", ")"]),
    ) {
        let mut redactor = Redactor::new(names.clone());
        for name in &names {
            let text = format!("{before}{name}{after}");
            let kept = redactor.redact(&text);
            prop_assert_eq!(kept.as_str(), text);
        }
    }

    #[test]
    fn offsets_generations_and_lags_survive(number in any::<u64>(), word in prop::sample::select(vec!["offset ", "offset=", "generation ", "lag: ", "position "])) {
        let text = format!("partition orders-3 {word}{number}, retrying");
        let kept = Redactor::new([]).redact(&text);
        prop_assert_eq!(kept.as_str(), text);
    }
}
