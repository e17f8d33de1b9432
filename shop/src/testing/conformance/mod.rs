//! The conformance suite: every guarantee that the store ports name in their texts, checked on any store.
//!
//! Each function takes an empty store and panics when the store breaks the guarantee that is its name. The list is
//! written once, in [`for_each_guarantee`](crate::for_each_guarantee): from it comes [`ALL`], and from it
//! [`conformance_suite!`](crate::conformance_suite) stamps one test per guarantee and store. A function that is not
//! on the list does not compile, because nothing else may use it.
//!
//! ```ignore
//! async fn on_my_store(guarantee: Guarantee) {
//!     guarantee.check(Arc::new(MyStore::connect().await)).await;
//! }
//! shopease_shared::conformance_suite!(on_my_store);
//! ```
#![deny(dead_code)]

mod accounts;
mod attempts;
mod audit;
mod carts;
mod catalog;
mod idempotency;
mod model;
mod order_races;
mod order_steps;
mod orders;
mod purge;
mod search;
mod stock;
mod support;

use std::pin::Pin;

use crate::ports::SharedStore;

/// A guarantee with the function that checks it.
#[derive(Debug, Clone, Copy)]
pub struct Guarantee {
    /// Its noun and sentence, for example `stock::fewer_than_zero_units_are_refused`.
    pub name: &'static str,
    check: fn(SharedStore) -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Guarantee {
    /// The guarantee of this name.
    pub fn named(name: &str) -> Self {
        *ALL.iter().find(|guarantee| guarantee.name == name).expect("a name on the list")
    }

    /// Checks the guarantee on an empty store; panics if it is broken.
    pub async fn check(self, store: SharedStore) {
        (self.check)(store).await;
    }
}

/// Hands the list of all guarantees, by noun, to a macro: `for_each_guarantee!([the_macro!] and what else it gets)`.
#[macro_export]
#[doc(hidden)]
macro_rules! for_each_guarantee {
    ([$($then:tt)*] $($given:tt)*) => {
        $($then)* {
            [$($given)*]
            catalog {
                a_product_is_created_once_and_then_updated,
                products_are_found_by_handle,
                a_hundred_products_are_found_at_once,
                products_are_found_by_sku_each_once,
                a_product_that_is_not_active_is_found_but_not_listed,
                an_update_leaves_nothing_of_the_old_version,
                an_update_may_drop_everything_that_is_optional,
                a_sku_of_another_product_is_refused_and_nothing_changes,
                one_of_many_products_gets_a_sku,
                concurrent_updates_of_one_product_leave_one_version,
                a_product_with_a_hundred_variants_and_two_hundred_terms_is_kept,
                categories_are_listed_by_handle_and_stay,
                a_product_in_any_state_is_known_to_be_there,
            }
            search {
                every_stored_order_is_bytewise_by_position,
                a_page_says_exactly_whether_more_follow,
                any_text_is_a_position_to_continue_after,
                products_written_meanwhile_neither_repeat_nor_hide_others,
                every_word_must_match_exactly_or_by_the_last_prefix,
                relevance_is_the_sum_of_the_best_weights_then_the_title,
                terms_are_compared_as_they_are,
                random_searches_agree_with_the_model,
            }
            stock {
                levels_are_initialized_once,
                many_levels_are_initialized_and_found_at_once,
                unknown_skus_have_no_level,
                levels_of_skus_in_any_script_are_kept,
                corrections_set_and_adjust_what_is_available,
                a_first_correction_starts_from_zero,
                fewer_than_zero_units_are_refused,
                concurrent_adjustments_add_up,
                concurrent_losses_stop_at_zero,
                concurrent_initializations_insert_once,
                available_units_move_to_another_sku_at_once,
                units_that_are_sold_while_others_move_are_counted_once,
            }
            carts {
                a_cart_is_found_as_it_was_saved,
                a_save_must_follow_the_version_the_store_has,
                an_expired_cart_is_absent_and_replaced_by_version_one,
                an_expired_cart_cannot_be_changed_merged_or_ordered,
                every_save_sets_the_expiry_anew,
                one_of_many_concurrent_saves_wins,
                merging_writes_one_cart_and_removes_the_other,
                a_merge_conflict_on_either_side_changes_nothing,
                one_of_many_concurrent_merges_wins,
                a_merge_and_a_save_of_the_source_exclude_each_other,
            }
            orders {
                placing_writes_order_cart_stock_outbox_and_key,
                the_cart_goes_on_after_an_order,
                untracked_variants_need_no_stock,
                an_order_may_have_fifty_variants,
                too_little_stock_changes_nothing_and_names_the_first_short_sku,
                a_changed_cart_changes_nothing,
                the_key_decides_before_stock_and_cart,
                the_cart_decides_before_the_stock,
                a_key_that_was_claimed_for_something_else_is_taken_for_an_order,
                an_expired_key_is_free_for_a_new_order,
                an_unknown_order_is_absent,
                orders_are_listed_newest_first,
                orders_placed_meanwhile_neither_repeat_nor_hide_others,
                any_text_is_a_position_to_continue_orders_after,
                the_outbox_gives_a_hundred_messages_at_once_each_in_its_turn,
                delivered_messages_wait_no_more,
                an_order_is_due_from_its_time_on_until_nothing_is_open,
                a_hundred_due_orders_are_given_at_once,
            }
            order_steps {
                a_step_moves_the_stock_as_told,
                an_order_takes_several_steps,
                a_step_from_another_version_changes_nothing,
                the_first_answer_of_an_order_stays,
                one_of_many_concurrent_steps_wins,
                fifty_variants_are_sold_in_one_step,
                released_units_can_be_sold_again,
                sold_units_that_come_back_can_be_sold_again,
            }
            order_races {
                the_last_unit_is_sold_once,
                a_key_places_one_order,
                a_cart_places_one_order,
                an_expired_key_places_one_new_order,
                mixed_carts_add_up_whatever_happens_at_once,
            }
            idempotency {
                a_key_is_claimed_once_and_gives_the_record_it_was_claimed_with,
                one_of_many_concurrent_claims_is_new,
                the_first_answer_under_a_key_stays,
                one_of_many_concurrent_answers_stays,
                a_released_key_is_free,
                an_expired_key_is_free,
                keys_of_other_owners_routes_and_texts_do_not_meet,
                an_answer_and_its_cart_are_written_together,
                an_answer_and_its_stock_are_written_together,
            }
            audit {
                everything_orders_touch_is_read_once,
                a_place_that_no_page_gave_is_refused,
            }
            purge {
                what_has_not_ended_stays,
                what_has_ended_can_be_written_anew,
                a_message_is_kept_until_it_was_delivered_and_some_days_longer,
            }
            accounts {
                an_account_is_found_by_id_and_by_email,
                an_email_has_one_account,
                one_of_many_concurrent_registrations_wins,
                a_session_ends_when_its_time_is_over,
                a_session_is_removed_alone_and_as_often_as_asked,
                a_working_store_is_healthy,
            }
            attempts {
                failed_attempts_are_counted_by_key,
                a_count_that_has_expired_begins_anew,
                concurrent_failed_attempts_add_up,
            }
        }
    };
}

macro_rules! table {
    ([] $($noun:ident { $($name:ident,)* })*) => {
        /// Every guarantee.
        pub const ALL: &[Guarantee] = &[$($(Guarantee {
            name: concat!(stringify!($noun), "::", stringify!($name)),
            check: |store| Box::pin($noun::$name(store)),
        },)*)*];
    };
}
for_each_guarantee!([table!]);

/// Stamps one asynchronous test per guarantee, in a module per noun. `$on` is an `async fn(Guarantee)` that makes an
/// empty store, checks the guarantee on it and removes what it made.
#[macro_export]
macro_rules! conformance_suite {
    ($on:path) => {
        $crate::for_each_guarantee!([$crate::stamp_guarantees!] $on);
    };
}

/// One module per noun, one test per guarantee.
#[macro_export]
#[doc(hidden)]
macro_rules! stamp_guarantees {
    ([$on:path] $($noun:ident $names:tt)*) => {
        $(mod $noun {
            $crate::stamp_guarantees! { @tests $noun, $on, $names }
        })*
    };
    (@tests $noun:ident, $on:path, { $($name:ident,)* }) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                let name = concat!(stringify!($noun), "::", stringify!($name));
                $on($crate::testing::conformance::Guarantee::named(name)).await;
            }
        )*
    };
}
