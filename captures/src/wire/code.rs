//! Open enumerations of code points.

/// A registered number on the wire that may also be one we do not know.
pub trait CodePoint: Copy {
    /// Bytes it takes on the wire.
    const WIDTH: usize;
    /// From the number, whatever it is; bits above the width are ignored.
    fn from_number(number: u64) -> Self;
    /// The number.
    fn number(self) -> u64;
    /// The registered name, `None` for an unknown one.
    fn name(self) -> Option<&'static str>;
}

/// Defines an open enum: known code points by name, all others as `Unknown(raw)`, with total conversions both ways and
/// a `Display` that prints the registered name or the number.
///
/// ```text
/// code_points! {
///     /// DTLS content types, RFC 9147 §4.
///     pub enum ContentType(u8) {
///         ChangeCipherSpec = 20 => "change_cipher_spec",
///         Alert = 21 => "alert",
///     }
/// }
/// ```
macro_rules! code_points {
    ($(#[$meta:meta])* pub enum $name:ident($raw:ty) {
        $($variant:ident = $number:literal => $text:literal),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $(#[doc = concat!("`", $text, "` (", stringify!($number), ")")] $variant,)+
            /// Any other number.
            Unknown($raw),
        }

        impl $name {
            /// The known ones, in the order of the registry.
            pub const KNOWN: &'static [$name] = &[$($name::$variant),+];

            /// The number on the wire.
            pub const fn raw(self) -> $raw {
                match self {
                    $(Self::$variant => $number,)+
                    Self::Unknown(raw) => raw,
                }
            }

            /// The registered name, `None` for an unknown number.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => Some($text),)+
                    Self::Unknown(_) => None,
                }
            }
        }

        impl From<$raw> for $name {
            fn from(raw: $raw) -> Self {
                match raw {
                    $($number => Self::$variant,)+
                    other => Self::Unknown(other),
                }
            }
        }

        impl From<$name> for $raw {
            fn from(code: $name) -> $raw {
                code.raw()
            }
        }

        impl $crate::wire::CodePoint for $name {
            const WIDTH: usize = size_of::<$raw>();
            fn from_number(number: u64) -> Self {
                Self::from(number as $raw)
            }
            fn number(self) -> u64 {
                u64::from(self.raw())
            }
            fn name(self) -> Option<&'static str> {
                self.name()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => f.pad(name),
                    None => write!(f, "{:#0width$x}", self.raw(), width = 2 + 2 * size_of::<$raw>()),
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    code_points! {
        /// For the tests.
        pub enum Sample(u16) {
            One = 1 => "one",
            Two = 0x0002 => "two",
        }
    }

    #[test]
    fn every_number_survives_the_round_trip() {
        for raw in 0..=u16::MAX {
            assert_eq!(Sample::from(raw).raw(), raw);
        }
        assert_eq!(Sample::KNOWN.len(), 2);
        assert_eq!(Sample::from(2), Sample::Two);
    }

    #[test]
    fn unknown_numbers_print_in_full_width() {
        assert_eq!(Sample::from(1).to_string(), "one");
        assert_eq!(Sample::from(0x2a).to_string(), "0x002a");
    }
}
