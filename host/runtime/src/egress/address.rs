//! Which addresses may be dialled? An address is first brought to one form, because IPv6 can carry an IPv4 address in
//! several ways; then it has one class. Start at [`may_dial`].

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::egress::Reach;

/// What an address is for. The order is that of danger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressClass {
    /// The public internet.
    Public,
    /// Private networks, carrier-grade NAT, loopback.
    Private,
    /// Link-local, and where clouds hand out credentials.
    Metadata,
    /// Nothing that a request can sensibly go to: unspecified, multicast, broadcast, documentation, reserved.
    Unusable,
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Metadata => "link-local or metadata",
            Self::Unusable => "reserved",
        })
    }
}

/// The address that is meant: an IPv4 address where IPv6 only wraps one.
pub fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
    }
}

/// The IPv4 addresses that traffic to an IPv6 address may end at: mapped, compatible, NAT64, 6to4, ISATAP, Teredo.
fn embedded(address: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let s = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    let low = v4(s[6], s[7]);
    [
        (s[..5] == [0; 5] && s[5] == 0xffff).then_some(low),
        (s[..6] == [0; 6] && s[6] != 0).then_some(low),
        (s[..6] == [0x64, 0xff9b, 0, 0, 0, 0]).then_some(low),
        (s[..4] == [0; 4] && s[4] == 0xffff && s[5] == 0).then_some(low),
        (s[0] == 0x2002).then(|| v4(s[1], s[2])),
        (matches!(s[4], 0 | 0x200) && s[5] == 0x5efe).then_some(low),
        (s[0] == 0x2001 && s[1] == 0).then(|| v4(!s[6], !s[7])),
    ]
    .into_iter()
    .flatten()
}

fn class_v4(address: Ipv4Addr) -> AddressClass {
    use AddressClass::{Metadata, Private, Public, Unusable};
    match address.octets() {
        // Azure, Alibaba and Oracle hand out credentials outside the link-local range.
        [169, 254, ..] | [168, 63, 129, 16] | [100, 100, 100, 200] | [192, 0, 0, 192] => Metadata,
        [10 | 127, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] | [198, 18 | 19, ..] => Private,
        [0 | 224..=255, ..] | [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [192, 88, 99, _] => Unusable,
        _ => Public,
    }
}

fn class_v6(address: Ipv6Addr) -> AddressClass {
    use AddressClass::{Metadata, Private, Public, Unusable};
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Private,
        // What Amazon has for its machines alone: metadata, credentials of pods, names and time; then Google's.
        [0xfd00, 0x0ec2, ..] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] | [0xfe80..=0xfebf, ..] => Metadata,
        // Unique local, the deprecated site-local, and NAT64 of the local network.
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] | [0x64, 0xff9b, 1, ..] => Private,
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => Public,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => Unusable,
        // 2001::/23 is set aside for protocols; Teredo is one of them.
        [0x2001, 0..=0x1ff, ..] => Unusable,
        [0x2000..=0x3fff, ..] => Public,
        _ => Unusable,
    }
}

/// The class of an address: the most dangerous of all that traffic to it may end at.
pub(crate) fn class(address: IpAddr) -> AddressClass {
    match canonical(address) {
        IpAddr::V4(v4) => class_v4(v4),
        IpAddr::V6(v6) => embedded(v6).map(class_v4).fold(class_v6(v6), AddressClass::max),
    }
}

/// Whether a request may go to this address. `written` is the address when the URL's host is one: only an address that
/// the operator wrote out may be link-local, since any name could be made to resolve to it.
pub(crate) fn may_dial(address: IpAddr, written: Option<IpAddr>, reach: Reach) -> bool {
    match class(address) {
        AddressClass::Public => true,
        AddressClass::Private => reach == Reach::Private,
        AddressClass::Metadata => reach == Reach::Private && written.map(canonical) == Some(canonical(address)),
        AddressClass::Unusable => false,
    }
}

/// Whether the host of a URL is a name by which clouds hand out credentials, whatever it resolves to.
pub(crate) fn is_metadata_name(url: &url::Url) -> bool {
    const NAMES: [&str; 6] = [
        "instance-data",
        "instance-data.ec2.internal",
        "metadata",
        "metadata.goog",
        "metadata.google.internal",
        "metadata.tencentyun.com",
    ];
    super::pattern::host_of(url).is_some_and(|host| NAMES.contains(&host.as_str()))
}

/// The address, when the host of a URL is one.
pub(crate) fn written(url: &url::Url) -> Option<IpAddr> {
    match url.host()? {
        url::Host::Domain(_) => None,
        url::Host::Ipv4(address) => Some(address.into()),
        url::Host::Ipv6(address) => Some(address.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use url::Url;

    fn check(host: &str, expected: AddressClass) {
        let url = Url::parse(&format!("http://{host}/")).unwrap();
        let address = written(&url).unwrap_or_else(|| panic!("{host} is no address"));
        assert_eq!(class(address), expected, "{host} is {address}");
    }

    #[test]
    fn loopback_is_private_in_every_notation() {
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "017700000001",
            "127.255.255.254",
            "127.0.0.1.",
            "１２７.０.０.１",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
        ] {
            check(host, AddressClass::Private);
        }
    }

    #[test]
    fn private_networks_are_private_and_their_neighbours_are_not() {
        for host in
            ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "[fd12:3456::1]", "[fec0::1]"]
        {
            check(host, AddressClass::Private);
        }
        for host in ["9.255.255.255", "11.0.0.0", "172.15.0.1", "172.32.0.1", "192.167.0.1", "100.128.0.1", "1.1.1.1"] {
            check(host, AddressClass::Public);
        }
        check("[2606:4700:4700::1111]", AddressClass::Public);
    }

    #[test]
    fn where_clouds_hand_out_credentials_is_metadata() {
        for host in [
            "169.254.169.254",
            "0xa9fea9fe",
            "2852039166",
            "[::ffff:169.254.169.254]",
            "[fd00:ec2::254]",
            "[fd00:ec2::23]",
            "[fd20:ce::254]",
            "[fe80::1]",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
        ] {
            check(host, AddressClass::Metadata);
        }
    }

    #[test]
    fn nobody_can_be_asked_at_reserved_addresses() {
        for host in [
            "0.0.0.0",
            "0",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "192.0.2.1",
            "[::]",
            "[ff02::1]",
            "[2001:db8::1]",
        ] {
            check(host, AddressClass::Unusable);
        }
    }

    #[test]
    fn an_ipv4_address_hidden_in_ipv6_counts_as_itself() {
        check("[64:ff9b::10.0.0.1]", AddressClass::Private);
        check("[64:ff9b::169.254.169.254]", AddressClass::Metadata);
        check("[64:ff9b::1.1.1.1]", AddressClass::Public);
        check("[2002:7f00:1::]", AddressClass::Private);
        check("[2002:a9fe:a9fe::1]", AddressClass::Metadata);
        check("[2606:4700::5efd:10.0.0.1]", AddressClass::Public);
        check("[2606:4700:0:0:0:5efe:a00:1]", AddressClass::Private);
        check("[::10.0.0.1]", AddressClass::Unusable);
        check("[2001:0:1::]", AddressClass::Unusable);
    }

    #[test]
    fn a_metadata_address_is_dialled_only_when_the_operator_wrote_it_out() {
        let metadata: IpAddr = "169.254.169.254".parse().unwrap();
        let mapped: IpAddr = "::ffff:169.254.169.254".parse().unwrap();
        assert!(!may_dial(metadata, None, Reach::Private));
        assert!(!may_dial(metadata, Some(metadata), Reach::Public));
        assert!(may_dial(mapped, Some(metadata), Reach::Private));
    }

    proptest! {
        #[test]
        fn wrapping_an_address_never_makes_it_safer(bits in any::<u32>()) {
            let v4 = Ipv4Addr::from(bits);
            let [a, b, c, d] = v4.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let plain = class(v4.into());
            prop_assert_eq!(class(v4.to_ipv6_mapped().into()), plain);
            prop_assert_eq!(canonical(v4.to_ipv6_mapped().into()), IpAddr::V4(v4));
            for wrapped in [
                v4.to_ipv6_compatible(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2606, 0, 0, 0, 0x200, 0x5efe, high, low),
                Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, !high, !low),
            ] {
                let wrapped = class(wrapped.into());
                // `::1` is the one address in the compatible range with a meaning of its own.
                prop_assert!(wrapped >= plain || bits == 1, "{v4}: {wrapped:?} < {plain:?}");
            }
        }

        #[test]
        fn canonical_is_stable_and_keeps_the_class(bits in any::<u128>()) {
            let address = IpAddr::from(Ipv6Addr::from(bits));
            prop_assert_eq!(canonical(canonical(address)), canonical(address));
            prop_assert_eq!(class(canonical(address)), class(address));
        }

        #[test]
        fn without_a_private_grant_only_public_addresses_are_dialled(bits in any::<u128>(), v4 in any::<u32>()) {
            for address in [IpAddr::from(Ipv6Addr::from(bits)), IpAddr::from(Ipv4Addr::from(v4))] {
                prop_assert_eq!(may_dial(address, Some(address), Reach::Public), class(address) == AddressClass::Public);
            }
        }
    }
}
