//! Programs written for tokio, run as they are on tokio and, with another crate behind the name
//! `tokio`, on Rondel.
//!
//! Goal: show that code moves over by changing the path. Method: the text of each program in
//! `ported/` is compiled twice; the second time `tokio` means Rondel, as if every `tokio::` had been
//! replaced by `rondel::`. Both must do what the program itself asserts.

use std::sync::Mutex;

/// The supervisor is sent a signal, which the whole process hears.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Compiles and runs the programs with whatever `tokio` means in the module around.
macro_rules! programs {
    ($($name:ident => $file:literal,)+) => {
        $(
            mod $name {
                use super::tokio;
                include!($file);

                #[test]
                fn does_what_it_says() {
                    let one = crate::ONE_AT_A_TIME.lock();
                    let _one = one.unwrap_or_else(|poisoned| poisoned.into_inner());
                    main().unwrap();
                }
            }
        )+
    };
}

mod on_tokio {
    use ::tokio;
    programs! {
        chat => "ported/chat.rs",
        key_value => "ported/key_value.rs",
        jobs => "ported/jobs.rs",
        proxy => "ported/proxy.rs",
        supervisor => "ported/supervisor.rs",
    }
}

mod on_rondel {
    use ::rondel as tokio;
    programs! {
        chat => "ported/chat.rs",
        key_value => "ported/key_value.rs",
        jobs => "ported/jobs.rs",
        proxy => "ported/proxy.rs",
        supervisor => "ported/supervisor.rs",
    }
}
