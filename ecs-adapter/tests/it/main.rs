//! The binary as its neighbours meet it: slow clients, large headers, SIGTERM.

mod client;
mod slow_clients;
mod stop;
