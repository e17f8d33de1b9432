//! Model test: any sequence of use cases gives the same results and the same final state on every store as an in-memory model of the
//! shop. Several cases share a store, each with its own variants and shoppers.

mod real;
mod reference;

use std::cell::RefCell;

use futures_util::future::join_all;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use proptest_state_machine::{ReferenceStateMachine as _, StateMachineTest};
use shopease_shop::ports::{Env as _, ProcessEnv};
use shopease_storage::testing::{DATABASE_URL, on_dynamodb, on_postgres};
use tokio::runtime::Handle;

use self::real::{Case, Shop};
use self::reference::{Model, Transition};
use crate::harness::{TestShop, scale};

/// Total sequences, and sequences per store.
const CASES: u32 = 256;
const CASES_PER_STORE: u32 = 32;

#[tokio::test(flavor = "multi_thread")]
async fn every_store_agrees_with_the_model() {
    for batch in 0..CASES / CASES_PER_STORE * scale() {
        if ProcessEnv.var(DATABASE_URL).is_some() {
            on_dynamodb(|dynamodb| async {
                on_postgres("model", |postgres| check(batch, vec![dynamodb, postgres])).await;
            })
            .await;
        } else {
            // Reports that it is skipped, or fails if skipping is not allowed.
            on_postgres("model::every_store_agrees_with_the_model", |_| async {}).await;
            on_dynamodb(|dynamodb| check(batch, vec![dynamodb])).await;
        }
    }
}

/// The shops on which the cases of a batch run.
struct Bench {
    shops: Vec<Shop>,
    handle: Handle,
    batch: u32,
    cases: u32,
}

thread_local! {
    static BENCH: RefCell<Option<Bench>> = const { RefCell::new(None) };
}

async fn check(batch: u32, stores: Vec<shopease_shop::ports::SharedStore>) {
    let mut shops = Vec::new();
    for store in stores {
        shops.push(Shop::new(TestShop::new(store)).await);
    }
    let handle = Handle::current();
    // The test runner is synchronous: it gets its own blocking thread.
    let checked = tokio::task::spawn_blocking(move || {
        BENCH.set(Some(Bench { shops, handle, batch, cases: 0 }));
        run(batch);
        BENCH.set(None);
    });
    if let Err(error) = checked.await {
        std::panic::resume_unwind(error.into_panic());
    }
}

fn run(batch: u32) {
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&batch.to_be_bytes());
    println!("batch {batch}, seed {seed:?}");
    let config =
        Config { cases: CASES_PER_STORE, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config.clone(), TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let checked = runner.run(&Model::sequential_strategy(1..40), |(model, transitions, seen)| {
        Compared::test_sequential(config.clone(), model, transitions, seen);
        Ok::<_, TestCaseError>(())
    });
    if let Err(error) = checked {
        panic!("{error}");
    }
}

/// Runs a future on every shop of the bench with its case.
#[expect(clippy::needless_pass_by_value, reason = "closures are passed inline")]
fn on_every_shop<T>(cases: &mut [Case], act: impl AsyncFn(&Shop, &mut Case) -> T) -> Vec<T> {
    BENCH.with_borrow(|bench| {
        let bench = bench.as_ref().expect("a bench");
        let act = &act;
        let acts = bench.shops.iter().zip(cases).map(|(shop, case)| act(shop, case));
        bench.handle.block_on(join_all(acts))
    })
}

/// The shops of the bench against the model.
struct Compared;

impl StateMachineTest for Compared {
    type SystemUnderTest = Vec<Case>;
    type Reference = Model;

    fn init_test(_: &Model) -> Vec<Case> {
        BENCH.with_borrow_mut(|bench| {
            let bench = bench.as_mut().expect("a bench");
            bench.cases += 1;
            let name = format!("case-{}-{}", bench.batch, bench.cases);
            bench.handle.block_on(join_all(bench.shops.iter().map(|shop| Case::new(shop, &name))))
        })
    }

    fn apply(mut cases: Vec<Case>, model: &Model, transition: Transition) -> Vec<Case> {
        let answers = on_every_shop(&mut cases, async |shop, case| case.apply(shop, model, &transition).await);
        for answer in answers {
            assert_eq!(answer, model.answer, "{transition:?}");
        }
        cases
    }

    fn teardown(mut cases: Vec<Case>, model: Model) {
        on_every_shop(&mut cases, async |shop, case| {
            case.compare(shop, &model).await;
            shop.shop.settle().await;
            shop.shop.assert_books_agree().await;
        });
    }
}
