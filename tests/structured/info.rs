//! `TaskInfo`: who a task is, asked of its handles.

use std::panic::Location;

use rondel::task::{Builder, JoinSet, LocalSet, TaskInfo, spawn_blocking, spawn_local};

fn told(info: &TaskInfo) -> String {
    format!("task {} (spawned at {})", info.id(), info.spawned_at())
}

/// Goal: every handle tells the same of its task, and the place is that of the caller.
#[test]
fn handles_say_who_their_task_is() {
    rondel::run(async {
        let (task, here) = (rondel::spawn(async {}), Location::caller());
        let info = task.info();
        assert_eq!((info.id(), info.name()), (task.id(), None));
        assert_eq!(info.spawned_at().file(), here.file());
        assert_eq!(info.spawned_at().line(), here.line());
        assert_eq!(info.to_string(), told(&info));
        let others = [task.abort_handle().info(), info.clone()];
        assert!(others.iter().all(|other| other.to_string() == info.to_string()));
        task.await.unwrap();

        let named = Builder::new().name("fetch").spawn(async {}).unwrap().info();
        assert_eq!(named.name(), Some("fetch"));
        let text = format!("task {} `fetch` (spawned at {})", named.id(), named.spawned_at());
        assert_eq!(named.to_string(), text);
        assert!(format!("{named:?}").contains("name: Some(\"fetch\"), spawned_at: tests/"));
    });
}

#[cfg(not(on_workers = "one_thread"))]
#[test]
fn closures_local_tasks_and_members_of_sets_have_a_birthplace_too() {
    rondel::run(async {
        let (closure, set) = (spawn_blocking(|| ()), LocalSet::new());
        let mut joined = JoinSet::new();
        let infos = [
            closure.info(),
            closure.abort_handle().info(),
            spawn_local(async {}).info(),
            set.spawn_local(async {}).info(),
            joined.spawn(async {}).info(),
            joined.spawn_blocking(|| ()).info(),
        ];
        for info in infos {
            assert!(info.spawned_at().file().ends_with("info.rs"), "{info}");
        }
        assert_eq!(closure.info().id(), closure.id());
        let named = Builder::new().name("hash").spawn_blocking(|| ()).unwrap();
        assert_eq!(named.info().name(), Some("hash"));
    });
}
