//! What may stand in the brackets: `#[rondel::main(name = "x", start_paused = true)]`.
//!
//! Each error points at the word that is wrong and says what would be right.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Lit, LitStr, Meta, Path, Token};

/// Every option, for the error that lists them.
const NAMES: &str = "`flavor`, `worker_threads`, `name`, `start_paused`, `seed`, `seeds`, `crate`";

/// The options that were given.
#[derive(Default)]
pub struct Options {
    name: Option<TokenStream>,
    start_paused: Option<TokenStream>,
    seed: Option<TokenStream>,
    seeds: Option<TokenStream>,
    krate: Option<TokenStream>,
    flavor: Option<Flavor>,
    worker_threads: Option<TokenStream>,
}

#[derive(Clone, Copy, PartialEq)]
enum Flavor {
    Local,
    Stealing,
}

impl Options {
    /// Reads what stands in the brackets.
    pub fn parse(tokens: TokenStream) -> Result<Self, Error> {
        let mut options = Self::default();
        for option in Punctuated::<Meta, Token![,]>::parse_terminated.parse2(tokens)? {
            options.add(&option)?;
        }
        options.check()?;
        Ok(options)
    }

    fn add(&mut self, option: &Meta) -> Result<(), Error> {
        let name = option.path().get_ident().map(ToString::to_string).unwrap_or_default();
        match name.as_str() {
            "flavor" => once(&mut self.flavor, option, flavor(option)?),
            "name" => once(&mut self.name, option, string(option)?.to_token_stream()),
            "start_paused" => once(&mut self.start_paused, option, flag(option)?),
            "seed" => once(&mut self.seed, option, integer(option)?),
            "seeds" => once(&mut self.seeds, option, range(option)?),
            "crate" => once(&mut self.krate, option, path(option)?),
            "worker_threads" => once(&mut self.worker_threads, option, integer(option)?),
            _ => Err(Error::new(
                option.path().span(),
                format!(
                    "unknown option `{}`; the options are {NAMES}",
                    option.path().to_token_stream()
                ),
            )),
        }
    }

    fn is_stealing(&self) -> bool {
        self.flavor == Some(Flavor::Stealing) || self.worker_threads.is_some()
    }

    /// Options that exclude each other.
    fn check(&self) -> Result<(), Error> {
        if let (Some(Flavor::Local), Some(workers)) = (self.flavor, &self.worker_threads) {
            return Err(Error::new(
                workers.span(),
                "`worker_threads` needs the multi_thread flavor: `flavor = \"multi_thread\"`",
            ));
        }
        for (option, given) in [("start_paused", &self.start_paused), ("seeds", &self.seeds)] {
            if let (true, Some(value)) = (self.is_stealing(), given) {
                let message = format!("`{option}` needs the current_thread flavor");
                return Err(Error::new(value.span(), message));
            }
        }
        Ok(())
    }

    /// The seeds of a test that runs once for each, in random order: `seeds = 0..200`, or the one
    /// of `seed = 7`.
    pub fn seeds(&self) -> Result<Option<TokenStream>, Error> {
        match (&self.seeds, &self.seed) {
            (Some(seeds), Some(_)) => {
                Err(Error::new(seeds.span(), "`seed` and `seeds` exclude each other"))
            }
            (Some(seeds), None) => Ok(Some(seeds.clone())),
            (None, _) if self.is_stealing() => Ok(None), // its order is not the seed's
            (None, seed) => Ok(seed.as_ref().map(|seed| quote!([#seed]))),
        }
    }

    /// The one seed of a `main`.
    pub fn seed(&self) -> Result<TokenStream, Error> {
        match &self.seeds {
            Some(seeds) => {
                Err(Error::new(seeds.span(), "`seeds` is for `#[rondel::test]`; here it is `seed`"))
            }
            None => Ok(self.seed.iter().map(|value| quote!(.seed(#value))).collect()),
        }
    }

    /// The path of the `rondel` crate.
    pub fn krate(&self) -> TokenStream {
        self.krate.clone().unwrap_or_else(|| quote!(::rondel))
    }

    /// The calls on the `Builder` that the options stand for, but for the seed.
    pub fn calls(&self) -> TokenStream {
        let name = self.name.iter().map(|value| quote!(.name(#value)));
        let start_paused = self.start_paused.iter().map(|value| quote!(.start_paused(#value)));
        let workers = match &self.worker_threads {
            Some(count) => quote!(.workers(#count)),
            None if self.is_stealing() => quote!(.workers_for_each_cpu()),
            None => quote!(),
        };
        quote!(#workers #(#name)* #(#start_paused)*)
    }
}

/// Fills a place that may be filled once.
fn once<T>(place: &mut Option<T>, option: &Meta, value: T) -> Result<(), Error> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::new(
            option.path().span(),
            format!("`{}` is set twice", option.path().to_token_stream()),
        )),
    }
}

/// The right side of `option = value`, or an error that says what has to stand there.
fn value<'a>(option: &'a Meta, wanted: &str) -> Result<&'a Expr, Error> {
    let complaint = || format!("write `{} = {wanted}`", option.path().to_token_stream());
    option
        .require_name_value()
        .map(|pair| &pair.value)
        .map_err(|error| Error::new(error.span(), complaint()))
}

fn literal<'a>(option: &'a Meta, wanted: &str) -> Result<(Option<&'a Lit>, Error), Error> {
    let value = value(option, wanted)?;
    let error =
        Error::new(value.span(), format!("`{}` takes {wanted}", option.path().to_token_stream()));
    let lit = if let Expr::Lit(lit) = value { Some(&lit.lit) } else { None };
    Ok((lit, error))
}

fn string(option: &Meta) -> Result<&LitStr, Error> {
    let (lit, error) = literal(option, "\"...\"")?;
    if let Some(Lit::Str(text)) = lit { Ok(text) } else { Err(error) }
}

fn boolean(option: &Meta) -> Result<TokenStream, Error> {
    let (lit, error) = literal(option, "true or false")?;
    if let Some(Lit::Bool(choice)) = lit { Ok(choice.to_token_stream()) } else { Err(error) }
}

/// `option = true`, or `option` alone, which says the same.
fn flag(option: &Meta) -> Result<TokenStream, Error> {
    if matches!(option, Meta::Path(_)) { Ok(quote!(true)) } else { boolean(option) }
}

/// Anything that can be run through: `0..200`, `[1, 7]`, `SEEDS`.
fn range(option: &Meta) -> Result<TokenStream, Error> {
    let range = value(option, "0..200")?;
    match range {
        Expr::Range(_) | Expr::Array(_) | Expr::Path(_) => Ok(range.to_token_stream()),
        _ => Err(Error::new(range.span(), "`seeds` takes a range like 0..200, or an array")),
    }
}

fn integer(option: &Meta) -> Result<TokenStream, Error> {
    let (lit, error) = literal(option, "a number from 0 to 2^64 - 1")?;
    match lit {
        Some(Lit::Int(number)) if number.base10_parse::<u64>().is_ok() => {
            Ok(number.to_token_stream())
        }
        _ => Err(error),
    }
}

/// A path, bare or in quotes.
fn path(option: &Meta) -> Result<TokenStream, Error> {
    match value(option, "\"...\"")? {
        Expr::Path(path) => Ok(path.to_token_stream()),
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => text
            .parse_with(Path::parse_mod_style)
            .map(ToTokens::into_token_stream)
            .map_err(|_| Error::new(text.span(), "`crate` takes the path of the rondel crate")),
        other => Err(Error::new(other.span(), "`crate` takes the path of the rondel crate")),
    }
}

fn flavor(option: &Meta) -> Result<Flavor, Error> {
    let text = string(option)?;
    match text.value().as_str() {
        "current_thread" | "local" => Ok(Flavor::Local),
        "multi_thread" | "stealing" => Ok(Flavor::Stealing),
        _ => Err(Error::new(
            text.span(),
            "no such flavor; there are \"current_thread\", which is also called \"local\", and \
             \"multi_thread\", which is also called \"stealing\"",
        )),
    }
}
