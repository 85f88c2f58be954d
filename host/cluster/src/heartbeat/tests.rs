use proptest::prelude::*;

use super::*;

fn worker() -> Heartbeat {
    Heartbeat {
        startup_time: 1_700_000_000_000,
        report_time: 1_700_000_010_000,
        cpu_usage: 0.25,
        memory_usage: 0.5,
        load_average: 1.0,
        available_physical_memory_size: 7.5,
        max_cpuload_avg: 8.0,
        reserved_memory: 0.3,
        process_id: 4711,
        disk_available: 100.0,
        server_status: Some(Status::Busy),
        draining: false,
        worker_host_weight: Some(100),
        worker_waiting_task_count: Some(3),
        worker_exec_thread_count: Some(2),
        keeps_record: false,
        format: HeartbeatFormat::Json,
        has_dates: false,
    }
}

/// A worker whose heartbeat has dates: it says the same, but for what that format has no field for.
fn old_worker() -> Heartbeat {
    Heartbeat {
        format: HeartbeatFormat::Fields10,
        has_dates: true,
        disk_available: 0.0,
        worker_host_weight: None,
        worker_waiting_task_count: None,
        worker_exec_thread_count: None,
        ..worker()
    }
}

fn text(heartbeat: &Heartbeat) -> String {
    String::from_utf8(heartbeat.write()).unwrap()
}

fn reason(value: &str) -> String {
    Heartbeat::read(value.as_bytes()).expect_err(value).to_string()
}

#[test]
fn a_worker_writes_dolphinschedulers_names_and_numbers() {
    assert_eq!(
        text(&Heartbeat { keeps_record: true, ..worker() }),
        "{\"startupTime\":1700000000000,\"reportTime\":1700000010000,\"cpuUsage\":0.25,\"memoryUsage\":0.5,\
         \"loadAverage\":1.0,\"availablePhysicalMemorySize\":7.5,\"maxCpuloadAvg\":8.0,\"reservedMemory\":0.3,\
         \"processId\":4711,\"diskAvailable\":100.0,\"serverStatus\":2,\"workerHostWeight\":100,\
         \"workerWaitingTaskCount\":3,\"workerExecThreadCount\":2,\"keepsRecord\":true}"
    );
}

#[test]
fn a_master_writes_nothing_of_a_worker() {
    let master = Heartbeat {
        server_status: None,
        worker_host_weight: None,
        worker_waiting_task_count: None,
        worker_exec_thread_count: None,
        ..worker()
    };
    let text = text(&master);
    assert!(!text.contains("server") && !text.contains("worker"), "{text}");
    assert_eq!(Heartbeat::read(text.as_bytes()), Ok(master));
}

#[test]
fn unknown_fields_are_passed_over_and_missing_ones_are_nothing() {
    let read = Heartbeat::read(br#"{"host":"a","startupTime":5,"jvmCpuUsage":{"x":[1]},"diskAvailable":null}"#);
    assert_eq!(read, Ok(Heartbeat { startup_time: 5, ..Heartbeat::default() }));
    assert_eq!(Heartbeat::read(b" {} "), Ok(Heartbeat::default()));
}

#[test]
fn a_status_is_a_number_or_a_name() {
    for (written, status) in [("1", Status::Abnormal), ("\"BUSY\"", Status::Busy), ("\"NORMAL\"", Status::Normal)] {
        let read = Heartbeat::read(format!("{{\"serverStatus\":{written}}}").as_bytes()).unwrap();
        assert_eq!(read.status(), status);
    }
}

#[test]
fn a_masters_status_follows_from_its_figures() {
    let mut master = Heartbeat { server_status: None, worker_waiting_task_count: None, ..worker() };
    assert_eq!(master.status(), Status::Normal);
    master.load_average = 8.5;
    assert_eq!(master.status(), Status::Abnormal);
    assert_eq!(Heartbeat::default().status(), Status::Normal, "it says nothing of limits");
}

#[test]
fn the_older_formats_are_read() {
    let ten = "0.25,0.5,1.0,7.5,8.0,0.3,1700000000000,1700000010000,2,4711";
    assert_eq!(Heartbeat::read(ten.as_bytes()), Ok(Heartbeat { has_dates: false, ..old_worker() }));
    let fourteen = Heartbeat { format: HeartbeatFormat::Fields14, ..worker() };
    assert_eq!(Heartbeat::read(format!("{ten},100,2,3,100.0").as_bytes()), Ok(fourteen.clone()));
    let thirteen = Heartbeat { format: HeartbeatFormat::Fields13, disk_available: 0.0, ..fourteen };
    assert_eq!(Heartbeat::read(format!("{ten},100,2,3").as_bytes()), Ok(thirteen));
    let dates = "0.25,0.5,1.0,7.5,8.0,0.3,2023-11-14 22:13:20,2023-11-14 22:13:30,2,4711";
    assert_eq!(Heartbeat::read(dates.as_bytes()), Ok(old_worker()));
}

#[test]
fn older_formats_are_written_as_by_their_releases() {
    let thirteen = Heartbeat { format: HeartbeatFormat::Fields13, disk_available: 0.0, ..worker() };
    assert_eq!(text(&thirteen), "0.25,0.5,1.0,7.5,8.0,0.3,1700000000000,1700000010000,2,4711,100,2,3");
    // Busy is unknown to these.
    let dates = "0.25,0.5,1.0,7.5,8.0,0.3,2023-11-14 22:13:20,2023-11-14 22:13:30,1,4711";
    assert_eq!(text(&old_worker()), dates);
    for old in [thirteen, Heartbeat { server_status: Some(Status::Abnormal), ..old_worker() }] {
        let ours = Heartbeat { keeps_record: true, ..old.clone() };
        // Java's `split` passes over an empty last part.
        assert_eq!(text(&ours), format!("{},", text(&old)));
        assert_eq!(Heartbeat::read(text(&ours).as_bytes()), Ok(ours));
    }
}

#[test]
fn a_master_has_a_status_in_the_older_formats() {
    let master = Heartbeat { server_status: None, load_average: 8.5, ..old_worker() };
    assert!(text(&master).ends_with(",1,4711"), "{}", text(&master));
}

#[test]
fn dates_without_a_zone_are_read_in_the_machines_zone() {
    let beat = Heartbeat { report_time: dates::now(), ..old_worker() };
    let read = Heartbeat::read(&beat.write()).unwrap();
    assert_eq!((read.startup_time, read.report_time), (beat.startup_time, beat.report_time));
    let ago = read.reported().unwrap().elapsed().expect("it is past");
    assert!(ago < Duration::from_secs(60), "{ago:?}");
    assert_eq!(Heartbeat::default().started(), None);
    assert_eq!(worker().reported(), Some(UNIX_EPOCH + Duration::from_millis(1_700_000_010_000)));
}

#[test]
fn what_is_absent_is_not_unreadable_but_not_there_yet() {
    for value in ["", "  "] {
        let absent = Heartbeat::read(value.as_bytes()).unwrap_err();
        assert!(absent.is_absent() && absent.to_string() == "no heartbeat yet", "{absent}");
    }
    assert!(!Heartbeat::read(b"?").unwrap_err().is_absent());
}

#[test]
fn what_was_not_measured_is_written_so() {
    let unknown = Heartbeat { cpu_usage: f64::NAN, ..old_worker() };
    assert!(text(&unknown).starts_with("-1.0,0.5,"), "{}", text(&unknown));
}

#[test]
fn what_can_not_be_read_says_why() {
    for (value, says) in [
        ("{", "not JSON"),
        ("{\"cpuUsage\":\"much\"}", "much"),
        ("{\"serverStatus\":7}", "0, 1, 2"),
        ("{\"cpuUsage\":1e999}", "out of range"),
        ("hello", "1 fields; accepted: 10, 13 or 14"),
        ("0.25,0.5,1.0,NaN,8.0,0.3,1,2,2,4711", "availablePhysicalMemorySize is \"NaN\"; accepted: a number"),
        ("0.25,0.5,1.0,7.5,8.0,0.3,yesterday,2,2,4711", "startupTime is \"yesterday\""),
        ("0.25,0.5,1.0,7.5,8.0,0.3,1,2,3,4711", "serverStatus is \"3\"; accepted: 0, 1 or 2"),
    ] {
        assert!(reason(value).contains(says), "{value}: {}", reason(value));
    }
    assert!(Heartbeat::read(b"\xff\xfe").unwrap_err().to_string().contains("not text"));
    assert!(reason(&"x".repeat(100_000)).len() < 300);
}

#[test]
fn news_are_what_choices_depend_on() {
    let last = worker();
    let same = Heartbeat { report_time: 5, cpu_usage: 0.27, load_average: 1.2, ..last.clone() };
    assert!(!same.is_news_after(&last));
    for news in [
        Heartbeat { cpu_usage: 0.31, ..last.clone() },
        Heartbeat { memory_usage: 0.6, ..last.clone() },
        Heartbeat { load_average: 1.5, ..last.clone() },
        Heartbeat { available_physical_memory_size: 6.0, ..last.clone() },
        Heartbeat { server_status: Some(Status::Normal), ..last.clone() },
        Heartbeat { worker_host_weight: Some(1), ..last.clone() },
        Heartbeat { process_id: 1, ..last.clone() },
    ] {
        assert!(news.is_news_after(&last), "{news:?}");
    }
}

prop_compose! {
    fn any_heartbeat()(
        times in any::<(i64, i64, i64)>(),
        figures in prop::array::uniform7(-1e12..1e12f64),
        status in prop::option::of(0u64..3),
        counts in any::<(Option<i32>, Option<i32>, Option<i32>)>(),
        (keeps_record, draining) in any::<(bool, bool)>(),
    ) -> Heartbeat {
        let [cpu_usage, memory_usage, load_average, available_physical_memory_size, max_cpuload_avg, reserved_memory,
            disk_available] = figures;
        Heartbeat {
            startup_time: times.0,
            report_time: times.1,
            process_id: times.2,
            cpu_usage, memory_usage, load_average, available_physical_memory_size, max_cpuload_avg, reserved_memory,
            disk_available,
            server_status: status.and_then(Status::from_code),
            worker_host_weight: counts.0,
            worker_waiting_task_count: counts.1,
            worker_exec_thread_count: counts.2,
            keeps_record,
            draining,
            ..Heartbeat::default()
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(heartbeat in any_heartbeat()) {
        let read = Heartbeat::read(&heartbeat.write()).unwrap();
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(1.0);
        prop_assert!(close(read.cpu_usage, heartbeat.cpu_usage));
        prop_assert!(close(read.disk_available, heartbeat.disk_available));
        prop_assert_eq!((read.status(), read.keeps_record), (heartbeat.status(), heartbeat.keeps_record));
        prop_assert_eq!(
            (read.startup_time, read.report_time, read.process_id, read.worker_host_weight),
            (heartbeat.startup_time, heartbeat.report_time, heartbeat.process_id, heartbeat.worker_host_weight)
        );
        prop_assert!(!heartbeat.is_news_after(&heartbeat));
        // Old releases would read it as theirs, and fail.
        prop_assert!(!json::is_mistakable(&heartbeat.write()));
    }

    #[test]
    fn what_is_written_in_an_older_format_is_read(
        heartbeat in any_heartbeat(), seconds in 0i64..100_000_000_000, thirteen: bool,
    ) {
        let format = if thirteen { HeartbeatFormat::Fields13 } else { HeartbeatFormat::Fields10 };
        let time = seconds * 1_000;
        let heartbeat =
            Heartbeat { format, has_dates: !thirteen, startup_time: time, report_time: time, ..heartbeat };
        let read = Heartbeat::read(&heartbeat.write()).unwrap();
        prop_assert_eq!((read.format, read.has_dates), (heartbeat.format, heartbeat.has_dates));
        prop_assert_eq!((read.startup_time, read.report_time), (time, time));
        prop_assert_eq!((read.cpu_usage, read.reserved_memory), (heartbeat.cpu_usage, heartbeat.reserved_memory));
        prop_assert_eq!((read.process_id, read.keeps_record), (heartbeat.process_id, heartbeat.keeps_record));
        prop_assert_eq!(read.status() == Status::Normal, heartbeat.status() == Status::Normal);
    }

    #[test]
    fn no_value_is_too_strange(value in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Heartbeat::read(&value);
    }

    #[test]
    fn no_text_is_too_strange(value in "\\{?(\"?[a-zA-Z]{0,9}\"?:?-?[0-9.]{0,4},?){0,16}\\}?") {
        let _ = Heartbeat::read(value.as_bytes());
    }
}
