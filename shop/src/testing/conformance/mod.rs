//! The conformance suite: checks every guarantee in the documentation of the store ports on any store.
//!
//! Each function takes an empty store and panics if the store breaks the guarantee that it is named after. The list in
//! [`for_each_guarantee`](crate::for_each_guarantee) is the only one: it defines [`ALL`], and
//! [`conformance_suite!`](crate::conformance_suite) generates one test per guarantee and store from it. A function that is missing
//! from the list does not compile, because it is dead code.
//!
//! ```ignore
//! async fn on_my_store(guarantee: Guarantee) {
//!     guarantee.check(Arc::new(MyStore::connect().await)).await;
//! }
//! shopease_shop::conformance_suite!(on_my_store);
//! ```
#![deny(dead_code)]

mod accounts;
mod attempts;
mod audit;
mod carts;
mod catalog;
mod catalog_versions;
mod idempotency;
mod model;
mod order_races;
mod order_steps;
mod orders;
mod outbox;
mod purge;
mod search;
mod settings;
mod stock;
mod support;

use std::pin::Pin;

use crate::ports::SharedStore;

/// A guarantee with the function that checks it.
#[derive(Debug, Clone, Copy)]
pub struct Guarantee {
    /// Module and name, for example `stock::fewer_than_zero_units_are_rejected`.
    pub name: &'static str,
    check: fn(SharedStore) -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Guarantee {
    /// The guarantee with this name.
    pub fn named(name: &str) -> Self {
        *ALL.iter().find(|guarantee| guarantee.name == name).expect("a name on the list")
    }

    /// Checks the guarantee on an empty store. Panics if it is broken.
    pub async fn check(self, store: SharedStore) {
        (self.check)(store).await;
    }
}

/// Passes the list of all guarantees, by module, to a macro: `for_each_guarantee!([the_macro!] further arguments)`.
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
                a_sku_of_another_product_is_rejected_and_nothing_changes,
                one_of_many_products_gets_a_sku,
                concurrent_updates_of_one_product_leave_one_version,
                a_product_with_a_hundred_variants_and_two_hundred_terms_is_kept,
                categories_are_listed_by_handle_and_kept,
                only_categories_without_active_products_are_removed,
                has_products_counts_products_with_any_status,
            }
            catalog_versions {
                a_product_is_inserted_once,
                an_update_must_have_seen_the_current_version,
                one_of_many_concurrent_updates_wins,
                a_deleted_product_leaves_nothing_but_stock,
                a_deletion_must_have_seen_the_current_version,
                a_product_that_is_created_again_repeats_no_version,
                an_update_and_a_deletion_exclude_each_other,
                all_products_are_listed_by_title_and_status,
            }
            search {
                stored_sort_orders_are_bytewise_by_position,
                a_page_reports_exactly_whether_more_rows_follow,
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
                corrections_set_and_adjust_the_available_units,
                a_first_correction_starts_from_zero,
                fewer_than_zero_units_are_rejected,
                concurrent_adjustments_add_up,
                concurrent_losses_stop_at_zero,
                concurrent_initializations_insert_once,
                available_units_move_to_another_sku,
                units_sold_during_a_move_are_counted_once,
            }
            carts {
                a_cart_is_found_as_it_was_saved,
                a_save_must_follow_the_stored_version,
                an_expired_cart_is_absent_and_replaced_by_version_one,
                an_expired_cart_cannot_be_changed_merged_or_ordered,
                every_save_resets_the_expiry,
                one_of_many_concurrent_saves_wins,
                merging_writes_one_cart_and_removes_the_other,
                a_merge_conflict_on_either_side_changes_nothing,
                one_of_many_concurrent_merges_wins,
                a_merge_and_a_save_of_the_source_exclude_each_other,
            }
            orders {
                placing_writes_order_cart_stock_outbox_and_key,
                the_cart_can_be_used_again_after_an_order,
                untracked_variants_need_no_stock,
                an_order_may_have_fifty_variants,
                too_little_stock_changes_nothing_and_names_the_first_short_sku,
                a_changed_cart_changes_nothing,
                the_key_is_checked_before_stock_and_cart,
                the_cart_is_checked_before_the_stock,
                a_key_claimed_for_another_command_is_taken_for_an_order,
                an_expired_key_is_free_for_a_new_order,
                an_unknown_order_is_absent,
                orders_are_listed_newest_first,
                orders_of_an_email_address_are_listed_newest_first,
                orders_placed_meanwhile_neither_repeat_nor_hide_others,
                any_text_is_a_position_to_continue_orders_after,
                an_order_is_due_until_nothing_is_open,
                at_most_a_hundred_due_orders_are_returned,
            }
            order_steps {
                a_step_applies_its_stock_effect,
                an_order_takes_several_steps,
                a_step_moves_an_order_to_another_owner_and_email_address,
                a_step_from_another_version_changes_nothing,
                the_first_answer_of_an_order_stays,
                one_of_many_concurrent_steps_wins,
                fifty_variants_are_sold_in_one_step,
                released_units_can_be_sold_again,
                restocked_units_can_be_sold_again,
            }
            order_races {
                the_last_unit_is_sold_once,
                a_key_places_one_order,
                a_cart_places_one_order,
                an_expired_key_places_one_new_order,
                concurrent_orders_and_corrections_keep_stock_consistent,
            }
            outbox {
                the_outbox_returns_the_oldest_hundred_messages,
                a_message_that_announces_no_other_change_is_inserted,
                a_removed_message_is_nowhere,
                delivered_messages_leave_the_outbox,
                a_message_waits_for_each_consumer_that_has_not_accepted_it,
                a_message_that_has_left_the_outbox_is_added_to_no_backlog,
                a_backlog_is_listed_page_by_page,
                a_lease_has_one_holder_until_it_expires_or_is_released,
                one_of_many_concurrent_workers_gets_the_lease,
            }
            idempotency {
                a_key_is_claimed_once_and_keeps_its_record,
                one_of_many_concurrent_claims_is_new,
                the_first_answer_under_a_key_stays,
                one_of_many_concurrent_answers_stays,
                a_released_key_is_free,
                an_expired_key_is_free,
                keys_of_other_owners_routes_and_texts_are_independent,
                an_answer_and_its_cart_are_written_together,
                an_answer_and_its_stock_are_written_together,
            }
            audit {
                everything_orders_touch_is_read_once,
                an_invalid_cursor_is_rejected,
            }
            purge {
                unexpired_rows_are_kept,
                expired_rows_can_be_replaced,
                a_message_is_kept_for_days_after_its_delivery,
            }
            accounts {
                an_account_is_found_by_id_and_by_email,
                an_email_has_one_account,
                one_of_many_concurrent_registrations_wins,
                an_account_is_replaced_in_order_of_its_versions,
                a_pending_email_belongs_to_no_account,
                an_email_changes_with_its_account,
                a_removed_account_leaves_its_email_free,
                a_session_expires,
                removing_a_session_is_idempotent_and_affects_no_other,
                the_sessions_of_a_customer_are_listed_until_they_expire,
                at_most_a_hundred_sessions_are_listed_and_any_number_is_removed,
                a_working_store_is_healthy,
            }
            settings {
                versions_are_written_in_a_row_and_kept,
                another_number_than_the_next_is_rejected_and_nothing_changes,
                one_of_many_concurrent_versions_wins,
                the_history_lists_the_last_versions_newest_first,
            }
            attempts {
                failed_attempts_are_counted_by_key,
                an_expired_count_restarts,
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

/// Generates one asynchronous test per guarantee, in one module per port. `$on` is an `async fn(Guarantee)` that creates an empty
/// store, checks the guarantee on it and deletes the store.
#[macro_export]
macro_rules! conformance_suite {
    ($on:path) => {
        $crate::for_each_guarantee!([$crate::stamp_guarantees!] $on);
    };
}

/// One module per port, one test per guarantee.
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
