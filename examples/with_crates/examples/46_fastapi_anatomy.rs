//! Lesson 46. What does a web framework do between a request and its answer?
//!
//! Run it: `cargo run -p with-crates --example 46_fastapi_anatomy`
//! Covers: 85, 93, 97-104, 106, 137, 138.
//!
//! Python: FastAPI finds the route, calls what the handler depends on, wraps it all in middleware,
//! turns exceptions into answers, and runs background tasks. Rust: here are the same parts in one
//! file. A request is a value and so is an answer: no socket is needed, neither to run nor to test.
//!
//! Predict. A handler and its guard both need the database session, and the session is closed by
//! the code behind its `yield`. The handler leaves a background task. What is the order?
//!
//! a) Two sessions are opened; background task, session closed, answer.
//! b) One session; answer, session closed, background task.
//! c) One session; session closed when the handler returns, background task, answer.

#[path = "../../diary/mod.rs"]
mod diary;

use diary::Diary;
use rondel::task::TaskTracker;
use rondel::time::{Duration, Instant, sleep};
use serde_json::{Value, json};
use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::pin::Pin;
use std::rc::Rc;

type Boxed<T> = Pin<Box<dyn Future<Output = T>>>;
type Handler = fn(Rc<Context>) -> Boxed<Result<Answer, ApiError>>;
type Middleware = fn(Rc<Context>, Next) -> Boxed<Answer>;

#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    request_id: u32,
    body: Value,
}

fn answer(status: u16, body: Value) -> Answer {
    Answer { status, request_id: 0, body }
}

/// What a handler may fail with; one place turns it into an answer.
enum ApiError {
    Unauthorized,
    Forbidden,
    NotFound(String),
    Conflict(String),
    Invalid(Vec<&'static str>),
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        let (status, code, detail) = match error {
            ApiError::Unauthorized => (401, "unauthorized", json!("no valid token")),
            ApiError::Forbidden => (403, "forbidden", json!("for the admin only")),
            ApiError::NotFound(what) => (404, "not_found", json!(what)),
            ApiError::Conflict(what) => (409, "conflict", json!(what)),
            ApiError::Invalid(all) => (422, "invalid", json!(all)),
        };
        answer(status, json!({ "error": { "code": code, "detail": detail } }))
    }
}

/// One request with all that belongs to it, and nothing that belongs to another.
struct Context {
    app: Rc<App>,
    id: u32,
    method: &'static str,
    path: &'static str,
    token: Option<&'static str>,
    body: Value,
    params: RefCell<HashMap<&'static str, &'static str>>,
    made: RefCell<HashMap<TypeId, Rc<dyn Any>>>,
    clean_ups: RefCell<Vec<Boxed<()>>>,
    background: RefCell<Vec<Boxed<()>>>,
}

/// What a handler can ask for. The part behind Python's `yield` goes to `clean_ups`.
trait Dependency: Sized + 'static {
    fn make(cx: Rc<Context>) -> Boxed<Result<Self, ApiError>>;
}

/// The value of a dependency: from the test, from earlier in this request, or made now.
async fn depends<T: Dependency>(cx: &Rc<Context>) -> Result<Rc<T>, ApiError> {
    let key = TypeId::of::<T>();
    let known = cx.app.overrides.borrow().get(&key).or(cx.made.borrow().get(&key)).cloned();
    if let Some(known) = known {
        return Ok(known.downcast().expect("the key is the type"));
    }
    let value = Rc::new(T::make(cx.clone()).await?);
    cx.made.borrow_mut().insert(key, value.clone());
    Ok(value)
}

struct App {
    diary: Diary,
    routes: Vec<(&'static str, &'static str, Handler)>,
    middleware: Vec<Middleware>,
    overrides: RefCell<HashMap<TypeId, Rc<dyn Any>>>,
    tracker: TaskTracker,
    sessions: Cell<u32>,
    requests: Cell<u32>,
    rows: RefCell<HashMap<String, u64>>,
}

/// The rest of the way inwards.
struct Next(usize);

impl Next {
    async fn run(self, cx: Rc<Context>) -> Answer {
        match cx.app.middleware.get(self.0) {
            Some(middleware) => middleware(cx, Next(self.0 + 1)).await,
            None => route(cx).await.unwrap_or_else(Answer::from),
        }
    }
}

/// `/creators/{name}` fits `/creators/jane`, and `name` is `jane`.
fn fit(pattern: &'static str, path: &'static str) -> Option<HashMap<&'static str, &'static str>> {
    let (pieces, parts) = (pattern.split('/'), path.split('/'));
    if pieces.clone().count() != parts.clone().count() {
        return None;
    }
    let mut params = HashMap::new();
    for (piece, part) in pieces.zip(parts) {
        match piece.strip_prefix('{').and_then(|piece| piece.strip_suffix('}')) {
            Some(name) => drop(params.insert(name, part)),
            None if piece == part => {}
            None => return None,
        }
    }
    Some(params)
}

async fn route(cx: Rc<Context>) -> Result<Answer, ApiError> {
    for (method, pattern, handler) in &cx.app.routes {
        if let (true, Some(params)) = (*method == cx.method, fit(pattern, cx.path)) {
            cx.params.replace(params);
            return handler(cx.clone()).await;
        }
    }
    Err(ApiError::NotFound(format!("no route {} {}", cx.method, cx.path)))
}

/// A request goes in, the answer comes out. What has to be done after it is a task that the tracker
/// counts: first the clean-ups, last made first cleaned, then the background tasks.
async fn call(
    app: &Rc<App>,
    method: &'static str,
    path: &'static str,
    token: Option<&'static str>,
    body: Value,
) -> Answer {
    app.requests.set(app.requests.get() + 1);
    let (app, id) = (app.clone(), app.requests.get());
    let (params, made) = (RefCell::default(), RefCell::default());
    let (clean_ups, background) = (RefCell::default(), RefCell::default());
    let cx = Context { app, id, method, path, token, body, params, made, clean_ups, background };
    let cx = Rc::new(cx);
    let answer = Next(0).run(cx.clone()).await;
    let app = cx.app.clone();
    let after = async move {
        let clean_ups = cx.clean_ups.take();
        for clean_up in clean_ups.into_iter().rev() {
            clean_up.await;
        }
        for work in cx.background.take() {
            work.await;
        }
    };
    drop(app.tracker.spawn_local(after));
    answer
}

fn time_it(cx: Rc<Context>, next: Next) -> Boxed<Answer> {
    Box::pin(async move {
        let (start, diary, path) = (Instant::now(), cx.app.diary.clone(), cx.path);
        diary.note("time: in");
        let answer = next.run(cx).await;
        diary.note("time: out");
        if start.elapsed() > Duration::from_secs(5) {
            diary.note(format!("slow request: {path}, id {}", answer.request_id));
        }
        answer
    })
}

fn tag_it(cx: Rc<Context>, next: Next) -> Boxed<Answer> {
    Box::pin(async move {
        let (id, diary) = (cx.id, cx.app.diary.clone());
        diary.note(format!("id {id}: in"));
        let answer = Answer { request_id: id, ..next.run(cx).await };
        diary.note(format!("id {id}: out, {}", answer.status));
        answer
    })
}

/// A session of the database: opened before, closed after, once for each request.
struct Session;

impl Dependency for Session {
    fn make(cx: Rc<Context>) -> Boxed<Result<Self, ApiError>> {
        Box::pin(async move {
            cx.app.sessions.set(cx.app.sessions.get() + 1);
            cx.app.diary.note("session: open");
            let diary = cx.app.diary.clone();
            let close = Box::pin(async move { diary.note("session: closed") });
            cx.clean_ups.borrow_mut().push(close);
            Ok(Session)
        })
    }
}

/// Who asks. It depends on the session itself: dependencies nest.
struct User(&'static str);

impl Dependency for User {
    fn make(cx: Rc<Context>) -> Boxed<Result<Self, ApiError>> {
        Box::pin(async move {
            let _session = depends::<Session>(&cx).await?;
            match cx.token {
                Some("secret-of-ann") => Ok(User("admin")),
                Some("secret-of-bob") => Ok(User("reader")),
                _ => Err(ApiError::Unauthorized),
            }
        })
    }
}

fn read(cx: Rc<Context>) -> Boxed<Result<Answer, ApiError>> {
    Box::pin(async move {
        let name = cx.params.borrow()["name"];
        match cx.app.rows.borrow().get(name) {
            Some(followers) => Ok(answer(200, json!({ "name": name, "followers": followers }))),
            None => Err(ApiError::NotFound(format!("no creator {name}"))),
        }
    })
}

fn create(cx: Rc<Context>) -> Boxed<Result<Answer, ApiError>> {
    Box::pin(async move {
        let (user, _session) = (depends::<User>(&cx).await?, depends::<Session>(&cx).await?);
        if user.0 != "admin" {
            return Err(ApiError::Forbidden);
        }
        let (name, followers) = (cx.body["name"].as_str(), cx.body["followers"].as_u64());
        let (Some(name), Some(followers)) = (name, followers) else {
            let wrong =
                [(name.is_none(), "name: a text"), (followers.is_none(), "followers: >= 0")];
            let all = wrong.into_iter().filter_map(|(is_wrong, text)| is_wrong.then_some(text));
            return Err(ApiError::Invalid(all.collect()));
        };
        if cx.app.rows.borrow().contains_key(name) {
            return Err(ApiError::Conflict(format!("{name} is there already")));
        }
        cx.app.rows.borrow_mut().insert(name.to_owned(), followers);
        let diary = cx.app.diary.clone();
        let mail = async move {
            sleep(Duration::from_secs(1)).await;
            diary.note("background: mail sent");
        };
        cx.background.borrow_mut().push(Box::pin(mail));
        Ok(answer(201, json!({ "name": name })))
    })
}

/// What computes or blocks is sent to the pool by the handler: nobody else does it.
fn report(_: Rc<Context>) -> Boxed<Result<Answer, ApiError>> {
    Box::pin(async move {
        sleep(Duration::from_secs(6)).await;
        let sum = rondel::spawn_blocking(|| (1..=1_000_u64).sum::<u64>()).await;
        Ok(answer(202, json!({ "sum": sum.expect("a sum does not panic") })))
    })
}

/// The lifespan: opened before the first request, closed after the last task.
async fn with_app(diary: &Diary, body: impl AsyncFnOnce(&Rc<App>)) {
    let routes: Vec<(_, _, Handler)> = vec![
        ("GET", "/creators/{name}", read),
        ("POST", "/creators", create),
        ("GET", "/report", report),
    ];
    let app = Rc::new(App {
        diary: diary.clone(),
        routes,
        middleware: vec![time_it, tag_it],
        overrides: RefCell::default(),
        tracker: TaskTracker::new(),
        sessions: Cell::default(),
        requests: Cell::default(),
        rows: RefCell::default(),
    });
    diary.note("lifespan: pool open");
    body(&app).await;
    app.tracker.close();
    app.tracker.wait().await;
    diary.note("lifespan: pool closed");
}

const ANN: Option<&str> = Some("secret-of-ann");
const BOB: Option<&str> = Some("secret-of-bob");

#[rondel::main(start_paused = true)]
async fn main() {
    let diary = Diary::new();
    with_app(&diary, async |app| {
        let jane = || json!({ "name": "jane", "followers": 7 });
        let made = call(app, "POST", "/creators", ANN, jane()).await;
        app.diary.note("client: has its answer");
        assert_eq!((made.status, made.request_id, app.sessions.get()), (201, 1, 1));
        sleep(Duration::from_secs(2)).await;

        let found = call(app, "GET", "/creators/jane", None, Value::Null).await;
        assert_eq!((found.status, &found.body["followers"]), (200, &json!(7)));
        let report = call(app, "GET", "/report", None, Value::Null).await;
        assert_eq!((report.status, &report.body["sum"]), (202, &json!(500_500)));

        let mut statuses = Vec::new();
        for (path, token, body) in [
            ("/creators", None, jane()),
            ("/creators", BOB, jane()),
            ("/nowhere", ANN, jane()),
            ("/creators", ANN, jane()),
            ("/creators", ANN, json!({ "followers": -1 })),
        ] {
            let refused = call(app, "POST", path, token, body).await;
            app.diary.note(format!("envelope: {}", refused.body["error"]));
            statuses.push(refused.status);
        }
        assert_eq!(statuses, [401, 403, 404, 409, 422]);

        // In a test: no token, no session, and yet the handler is the real one.
        let before = app.sessions.get();
        app.overrides.borrow_mut().insert(TypeId::of::<User>(), Rc::new(User("admin")));
        app.overrides.borrow_mut().insert(TypeId::of::<Session>(), Rc::new(Session));
        let tested = call(app, "POST", "/creators", None, json!({"name": "al", "followers": 1}));
        assert_eq!((tested.await.status, app.sessions.get()), (201, before));
    })
    .await;
    let order = ["time: in", "id 1: in", "session: open", "id 1: out, 201", "time: out"];
    assert!(diary.has_in_order(&order), "the first middleware is the outermost");
    let order = ["client: has its answer", "session: closed", "background: mail sent"];
    assert!(diary.has_in_order(&order) && diary.count("slow request: /report") == 1);
    assert!(diary.has_in_order(&["background: mail sent", "lifespan: pool closed"]));
    assert_eq!((diary.count("session: open"), diary.count("session: closed")), (5, 5));
    assert_eq!(diary.count("background"), 2, "the lifespan waits for the second mail as well");
}

// Explain
//
// b) is right, for this framework. The guard has opened the session and left it in the request's
// own table, where the handler finds it. What is behind a `yield` in Python is a future in a list
// here, and the list is worked off from its end, after the answer. (FastAPI has moved that point
// between its versions: look it up for yours.) Background tasks come last, and no answer waits for
// them; but the lifespan does, so a mail is not lost when the server stops.
//
// Middleware is an onion: the first is the outermost, so its time contains all the others. Errors
// become answers inside of it, at the handler; therefore a refused request has an id and a time,
// too. The id goes into the answer, and whoever searches the log finds it.
//
// A dependency is found by its type. A test puts its own value there (`overrides`) and calls the
// app as a function: no port, no server, no patching. In Python that is `dependency_overrides` and
// httpx's ASGITransport.
//
// FastAPI runs a `def` handler on a thread pool and an `async def` one on the loop, where it must
// not block. In Rust nobody looks: send it to the pool, as `report` does. A real token is a signed
// one, and who checks it must look at its signature and at its expiry.
//
// FastAPI, Flask, Django: FastAPI brings async, validation and OpenAPI, and is chosen for APIs;
// Flask is small and synchronous first; Django brings an ORM and the admin pages, and is chosen
// where those are most of the work. OpenAPI (105) comes from types, which utoipa does in Rust.
//
// What real runtimes do
//
// axum: extractors are the dependencies, `IntoResponse` the envelope, tower's layers the onion, and
// `oneshot` the test without a socket. Nothing there runs clean-up that awaits; a guard is dropped.
//
// Where to read next
//
// How the lifespan knows that nobody is left:
//
// ```rust,cite=runtime/task/task_tracker.rs
// //!   tracker ──spawn──▶ task { future, token }          token: one of the count
// //!      │                     │ ends: the future is dropped, then the token
// //!      └──wait: closed, and the count is 0 ◀───────────┘
// ```
