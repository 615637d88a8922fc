//! From an `async fn` to a `fn` that builds a runtime and blocks on the body.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Error, ItemFn};

use crate::options::Options;

/// Which attribute it is.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Main,
    Test,
}

/// `#[rondel::main]`.
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    expand_or_complain(Kind::Main, options, item)
}

/// `#[rondel::test]`.
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    expand_or_complain(Kind::Test, options, item)
}

fn expand_or_complain(kind: Kind, options: TokenStream, item: TokenStream) -> TokenStream {
    expand(kind, options, item.clone()).unwrap_or_else(|error| {
        // With the item left as it is, editors still understand what is inside.
        let complaint = error.into_compile_error();
        quote!(#complaint #item)
    })
}

fn expand(kind: Kind, options: TokenStream, item: TokenStream) -> Result<TokenStream, Error> {
    let function: ItemFn = syn::parse2(item)?;
    check(kind, &function)?;
    let options = Options::parse(options)?;

    let ItemFn { attrs, vis, mut sig, block } = function;
    sig.asyncness = None;
    let test_attribute = (kind == Kind::Test).then(|| quote!(#[::core::prelude::v1::test]));
    let (krate, calls) = (options.krate(), options.calls());
    if kind == Kind::Test
        && let Some(seeds) = options.seeds()?
    {
        let name = &sig.ident;
        return Ok(quote! {
            #(#attrs)*
            #test_attribute
            #vis #sig {
                #krate::testing::support::seeds(
                    ::core::concat!(::core::module_path!(), "::", ::core::stringify!(#name)),
                    #seeds,
                    || #krate::Builder::new() #calls,
                    |runtime| runtime.block_on(async #block),
                )
            }
        });
    }
    let seed = options.seed()?;
    // When the body has the wrong type, the compiler shall point at its end, not at the attribute.
    let end = block.stmts.last().map_or_else(|| block.brace_token.span.close(), Spanned::span);
    let run = quote_spanned! {end=>
        runtime.block_on(body)
    };
    Ok(quote! {
        #(#attrs)*
        #test_attribute
        #vis #sig {
            let body = async #block;
            let runtime = #krate::Builder::new() #calls #seed
                .build()
                .expect("the runtime could not be built");
            #run
        }
    })
}

/// Is it a function that can be run?
fn check(kind: Kind, function: &ItemFn) -> Result<(), Error> {
    let sig = &function.sig;
    if sig.asyncness.is_none() {
        return Err(Error::new(
            sig.fn_token.span,
            "the `async` keyword is missing from the function declaration",
        ));
    }
    let takes_none = match kind {
        Kind::Main if sig.ident == "main" => Some("the main function cannot accept arguments"),
        Kind::Main => None,
        Kind::Test => Some("the test function cannot accept arguments"),
    };
    if let Some(message) = takes_none.filter(|_| !sig.inputs.is_empty()) {
        return Err(Error::new(sig.inputs.span(), message));
    }
    if kind == Kind::Test
        && let Some(span) = function.attrs.iter().find_map(test_attribute)
    {
        return Err(Error::new(
            span,
            "second test attribute is supplied; `#[rondel::test]` writes `#[test]` itself",
        ));
    }
    Ok(())
}

/// Where `attribute` is, if it is a `#[test]` of any kind.
fn test_attribute(attribute: &Attribute) -> Option<Span> {
    let last = attribute.path().segments.last()?;
    (last.ident == "test").then(|| attribute.span())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The errors' texts in what an attribute expands to.
    fn complaint(tokens: TokenStream) -> String {
        let text = tokens.to_string();
        let start = text.find("compile_error").unwrap_or_else(|| panic!("no error in {text}"));
        text[start..].split('"').skip(1).collect::<Vec<_>>().join("\"")
    }

    fn main_complains(options: TokenStream, says: &str) {
        let text = complaint(main(
            options,
            quote!(
                async fn main() {}
            ),
        ));
        assert!(text.contains(says), "{text} does not say {says}");
    }

    #[test]
    fn main_builds_a_runtime_and_blocks_on_the_body() {
        let expanded = main(quote!(), quote! { pub async fn main() -> u8 { 1 + 1 } });
        let wanted = quote! {
            pub fn main() -> u8 {
                let body = async { 1 + 1 };
                let runtime = ::rondel::Builder::new()
                    .build()
                    .expect("the runtime could not be built");
                runtime.block_on(body)
            }
        };
        assert_eq!(expanded.to_string(), wanted.to_string());
    }

    #[test]
    fn options_become_calls_on_the_builder() {
        let options = quote! {
            flavor = "current_thread", name = "mine", start_paused = true, seed = 7,
            crate = "my::rondel",
        };
        let expanded = main(
            options,
            quote!(
                async fn main() {}
            ),
        )
        .to_string();
        let wanted = quote! {
            my::rondel::Builder::new().name("mine").start_paused(true).seed(7).build()
        };
        assert!(expanded.contains(&wanted.to_string()), "{expanded}");
    }

    #[test]
    fn the_crate_may_be_a_bare_path_and_the_flavor_local() {
        let options = quote!(crate = crate::inner, flavor = "local");
        let expanded = main(
            options,
            quote!(
                async fn main() {}
            ),
        )
        .to_string();
        assert!(expanded.contains(&quote!(crate::inner::Builder::new()).to_string()), "{expanded}");
    }

    #[test]
    fn workers_make_the_stealing_flavour() {
        let expand = |options| {
            main(
                options,
                quote!(
                    async fn main() {}
                ),
            )
            .to_string()
        };
        for options in
            [quote!(worker_threads = 2), quote!(flavor = "multi_thread", worker_threads = 2)]
        {
            let expanded = expand(options);
            assert!(
                expanded.contains(&quote!(Builder::new().workers(2)).to_string()),
                "{expanded}"
            );
        }
        let expanded = expand(quote!(flavor = "stealing"));
        assert!(expanded.contains(&quote!(.workers_for_each_cpu()).to_string()), "{expanded}");
    }

    #[test]
    fn a_test_with_seeds_runs_once_for_each() {
        let item = quote! { async fn name() { work() } };
        let wanted = quote! {
            fn name() {
                ::rondel::testing::support::seeds(
                    ::core::concat!(::core::module_path!(), "::", ::core::stringify!(name)),
                    0..200,
                    || ::rondel::Builder::new().start_paused(true),
                    |runtime| runtime.block_on(async { work() }),
                )
            }
        };
        let expanded = test(quote!(start_paused, seeds = 0..200), item.clone()).to_string();
        assert!(expanded.ends_with(&wanted.to_string()), "{expanded}");
        let one = test(quote!(seed = 7), item).to_string();
        assert!(one.contains(&quote!([7], || ::rondel::Builder::new()).to_string()), "{one}");
    }

    #[test]
    fn test_writes_the_test_attribute_and_keeps_the_others() {
        let item = quote! { #[should_panic(expected = "no")] #[ignore] async fn name() {} };
        let expanded = test(quote!(), item).to_string();
        let wanted = quote! {
            #[should_panic(expected = "no")] #[ignore] #[::core::prelude::v1::test] fn name()
        };
        assert!(expanded.starts_with(&wanted.to_string()), "{expanded}");
    }

    #[test]
    fn a_function_with_another_name_may_take_arguments_and_be_generic() {
        let item = quote! { async fn go<T: Into<u8>>(value: T) -> u8 { value.into() } };
        let expanded = main(quote!(), item).to_string();
        let wanted = quote!(fn go<T: Into<u8> >(value: T) -> u8);
        assert!(expanded.starts_with(&wanted.to_string()), "{expanded}");
    }

    #[test]
    fn what_is_not_an_async_function_without_arguments_is_refused() {
        let cases = [
            (
                main(
                    quote!(),
                    quote!(
                        fn main() {}
                    ),
                ),
                "the `async` keyword is missing",
            ),
            (
                test(
                    quote!(),
                    quote!(
                        fn it() {}
                    ),
                ),
                "the `async` keyword is missing",
            ),
            (
                main(
                    quote!(),
                    quote!(
                        async fn main(a: u8) {}
                    ),
                ),
                "main function cannot accept",
            ),
            (
                test(
                    quote!(),
                    quote!(
                        async fn it(a: u8) {}
                    ),
                ),
                "test function cannot accept",
            ),
            (
                test(
                    quote!(),
                    quote!(
                        #[test]
                        async fn it() {}
                    ),
                ),
                "second test attribute",
            ),
            (
                test(
                    quote!(),
                    quote!(
                        #[rondel::test]
                        async fn it() {}
                    ),
                ),
                "second test attribute",
            ),
            (
                main(
                    quote!(),
                    quote!(
                        struct Main;
                    ),
                ),
                "expected",
            ),
        ];
        for (expanded, says) in cases {
            let text = complaint(expanded);
            assert!(text.contains(says), "{text} does not say {says}");
        }
    }

    #[test]
    fn wrong_options_are_refused_with_what_would_be_right() {
        main_complains(
            quote!(thread = 1),
            "unknown option `thread`; the options are `flavor`, `worker_threads`, `name`, \
             `start_paused`, `seed`, `seeds`, `crate`",
        );
        main_complains(quote!(my::option = 1), "unknown option `my :: option`");
        main_complains(
            quote!(flavor = "local", worker_threads = 4),
            "`worker_threads` needs the multi_thread flavor",
        );
        main_complains(
            quote!(flavor = "multi_thread", start_paused),
            "`start_paused` needs the current_thread flavor",
        );
        main_complains(quote!(worker_threads = "2"), "`worker_threads` takes a number");
        main_complains(quote!(flavor = "fast"), "no such flavor");
        main_complains(quote!(name), "write `name = \\\"...\\\"`");
        main_complains(quote!(start_paused = "yes"), "`start_paused` takes true or false");
        main_complains(quote!(seed = -1), "`seed` takes a number from 0");
        main_complains(quote!(seeds = 0..9), "`seeds` is for `#[rondel::test]`; here it is `seed`");
        main_complains(quote!(seeds = 9), "`seeds` takes a range like 0..200, or an array");
        main_complains(quote!(seeds), "write `seeds = 0..200`");
        let both = test(
            quote!(seed = 1, seeds = 0..9),
            quote!(
                async fn it() {}
            ),
        );
        assert!(complaint(both).contains("`seed` and `seeds` exclude each other"));
        main_complains(quote!(name = 3), "`name` takes \\\"...\\\"");
        main_complains(quote!(name = "a", name = "b"), "`name` is set twice");
        main_complains(quote!(crate = "not a path"), "`crate` takes the path");
        main_complains(quote!(crate = 1), "`crate` takes the path");
    }

    #[test]
    fn a_refused_function_is_left_as_it_was() {
        let expanded = main(
            quote!(thread = 1),
            quote!(
                async fn main() {
                    work()
                }
            ),
        )
        .to_string();
        assert!(expanded.ends_with("async fn main () { work () }"), "{expanded}");
    }
}
