//! Recommendations over HTTP, from a database inside the service's own process.
//!
//!     cargo run --release --example axum_service -- shop.torre 127.0.0.1:3000
//!     curl -X PUT  localhost:3000/items -H 'content-type: application/json' \
//!       -d '[{"id": "m1", "title": "Tazza Luna Retro Mug, red", "brand": "Tazza", "category": "mugs", "colour": "red", "price": 14.9}]'
//!     curl -X POST localhost:3000/recommend -H 'content-type: application/json' \
//!       -d '{"user": {"history": ["m1"], "city": "Porto", "age": 34, "now": 1777140900}, "options": {"k": 5, "fields": ["title", "price"]}}'
//!     curl -X DELETE localhost:3000/items/m1
//!
//! Errors are JSON with the sentence that the library gives: the field's name and what came are in it.

use std::net::SocketAddr;
use std::path::Path as FilePath;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use torre::{Answer, Collection, CollectionOptions, Database, Error, Item, Responsible, Row, SearchOptions, TowerPair};

const ITEM_TOWER: &[u8] = include_bytes!("../cli/assets/demo/item.onnx");
const USER_TOWER: &[u8] = include_bytes!("../cli/assets/demo/user.onnx");

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_else(|| "shop.torre".to_owned());
    let address: SocketAddr = arguments.next().unwrap_or_else(|| "127.0.0.1:3000".to_owned()).parse()?;
    let shop = open(FilePath::new(&path))?;
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("{} items of {path} on http://{}", shop.len(), listener.local_addr()?);
    // On Ctrl-C requests under way are finished; dropping the last handle closes the database.
    axum::serve(listener, service(shop)).with_graceful_shutdown(stop()).await?;
    Ok(())
}

/// Opens the database, or makes one with the demo's towers.
fn open(path: &FilePath) -> torre::Result<Collection> {
    let database = Database::builder(path).create(true).open()?;
    if database.collections().iter().any(|name| name == "items") {
        return database.collection("items");
    }
    let towers = TowerPair::from_bytes(ITEM_TOWER, USER_TOWER)?;
    database.create_collection("items", CollectionOptions::towers(&towers))
}

/// The service. A [`Collection`] is cheap to clone, and all handlers share one.
fn service(shop: Collection) -> Router {
    Router::new()
        .route("/items", put(upsert))
        .route("/items/{id}", get(item))
        .route("/items/{id}", delete(remove))
        .route("/recommend", post(recommend))
        .with_state(shop)
}

async fn stop() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        eprintln!("cannot wait for Ctrl-C: {error}");
        std::future::pending::<()>().await;
    }
}

/// Rows in, all or none; durable when the answer is sent.
async fn upsert(State(shop): State<Collection>, Json(rows): Json<Vec<Row>>) -> Result<Json<Value>, Failure> {
    let changes = blocking(move || {
        let items = rows.into_iter().map(Item::from_row).collect::<torre::Result<Vec<Item>>>()?;
        shop.upsert_many(items)
    })
    .await?;
    Ok(Json(json!({ "inserted": changes.inserted, "updated": changes.updated })))
}

async fn item(State(shop): State<Collection>, Path(id): Path<String>) -> Result<Json<Row>, Failure> {
    let found = blocking(move || shop.get(&id)?.ok_or(Error::UnknownItem { id })).await?;
    Ok(Json(found.row().clone()))
}

async fn remove(State(shop): State<Collection>, Path(id): Path<String>) -> Result<Json<Value>, Failure> {
    let deleted = blocking(move || shop.delete([id])).await?;
    Ok(Json(json!({ "deleted": deleted })))
}

/// The body of `POST /recommend`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    user: Row,
    /// What the library takes, by the same names.
    #[serde(default)]
    options: SearchOptions,
}

/// Hits that a client may ask for and skip.
const MOST_HITS: usize = 1_000;

async fn recommend(State(shop): State<Collection>, Json(question): Json<Question>) -> Result<Json<Answer>, Failure> {
    let Question { user, mut options } = question;
    options.k = options.k.min(MOST_HITS);
    options.offset = options.offset.min(MOST_HITS);
    let answer = blocking(move || shop.recommend(&user).options(options).run()).await?;
    Ok(Json(answer))
}

/// Runs a call of the library away from the threads that serve connections: towers, scans and flushes would hold them up.
async fn blocking<T: Send + 'static>(call: impl FnOnce() -> torre::Result<T> + Send + 'static) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(call).await {
        Ok(result) => Ok(result?),
        Err(error) => Err(Failure { status: StatusCode::INTERNAL_SERVER_ERROR, message: error.to_string() }),
    }
}

/// What a client gets instead of an answer.
struct Failure {
    status: StatusCode,
    message: String,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match (&error, error.responsible()) {
            (Error::UnknownItem { .. }, _) => StatusCode::NOT_FOUND,
            _ if error.is_damage() => StatusCode::INTERNAL_SERVER_ERROR,
            (_, Responsible::Caller) => StatusCode::UNPROCESSABLE_ENTITY,
            (_, Responsible::Operator) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, message: error.to_string() }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.message }))).into_response()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    fn call(address: SocketAddr, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n");
        write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn items_go_in_and_come_back_as_recommendations() {
        let directory = tempfile::tempdir().unwrap();
        let shop = open(&directory.path().join("shop")).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, service(shop)).await });
        tokio::task::spawn_blocking(move || {
            let rows = r#"[{"id":"m1","title":"Tazza Luna Retro Mug, red","brand":"Tazza","category":"mugs","colour":"red","price":14.9},
                {"id":"m2","title":"Chado Luna Retro Mug, rust","brand":"Chado","category":"mugs","colour":"rust","price":17.9}]"#;
            assert_eq!(call(address, "PUT", "/items", rows), (200, json!({ "inserted": 2, "updated": 0 })));
            let question =
                r#"{"user":{"history":["m1"],"city":"Porto","age":34,"now":1777140900},"options":{"k":1,"exclude":["m1"],"fields":["price"]}}"#;
            let (status, answer) = call(address, "POST", "/recommend", question);
            assert_eq!((status, &answer["hits"][0]["id"], &answer["hits"][0]["fields"]["price"]), (200, &json!("m2"), &json!(17.9)));
            assert_eq!(call(address, "POST", "/recommend", r#"{"user":{},"options":{"limit":1}}"#).0, 422);
            let (status, answer) = call(address, "PUT", "/items", r#"[{"id":"m3","title":"Mug","price":"cheap"}]"#);
            assert_eq!(status, 422);
            assert!(answer["error"].as_str().unwrap().contains("price"), "{answer}");
            assert_eq!(call(address, "GET", "/items/m3", "").0, 404);
            assert_eq!(call(address, "GET", "/items/m2", "").1["brand"], "Chado");
            assert_eq!(call(address, "DELETE", "/items/m2", ""), (200, json!({ "deleted": 1 })));
        })
        .await
        .unwrap();
        server.abort();
    }
}
