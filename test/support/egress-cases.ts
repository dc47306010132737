/** One address a feed may not be fetched from. `<port>` is where a canary listens, on every address of the machine. */
export interface EgressCase {
  url: string
  /** What each name of the case resolves to. */
  dns?: Readonly<Record<string, readonly string[]>>
  /** The code of the refusal, unless it is FETCH_EGRESS. */
  code?: 'FETCH_REDIRECTS' | 'FETCH_ADDRESS' | 'FETCH_UNREACHABLE'
  /** It reaches the canary when nothing guards it: the case would notice a guard that is gone. */
  bites?: true
}

const bite = (url: string, dns?: EgressCase['dns']): EgressCase => ({
  url,
  bites: true,
  ...(dns === undefined ? {} : { dns })
})
const at = (name: string, ...addresses: string[]): EgressCase => ({
  url: `http://${name}:<port>/feed.xml`,
  dns: { [name]: addresses }
})

/** Spellings of an address, and names that mean one. */
export const DIRECT: readonly EgressCase[] = [
  // loopback, as people write it
  bite('http://127.0.0.1:<port>/'),
  bite('http://127.0.0.1.:<port>/'),
  bite('http://127.1:<port>/'),
  bite('http://127.0.1:<port>/'),
  bite('http://2130706433:<port>/'),
  bite('http://0x7f000001:<port>/'),
  bite('http://0x7f.0.0.1:<port>/'),
  bite('http://0177.0.0.01:<port>/'),
  bite('http://017700000001:<port>/'),
  bite('http://127.255.255.254:<port>/'),
  bite('http://%31%32%37.0.0.1:<port>/'),
  bite('http://①②⑦.⓪.⓪.①:<port>/'),
  bite('http://127。0。0。1:<port>/'),
  bite('HTTP://LOCALHOST:<port>/', { localhost: ['127.0.0.1'] }),
  bite('http://localhost.:<port>/', { 'localhost.': ['127.0.0.1'] }),
  bite('http://vendor.example:<port>/', { 'vendor.example': ['127.0.0.1'] }),
  bite('http://0.0.0.0:<port>/'),
  bite('http://0:<port>/'),
  // user info that looks like a host, backslashes, fragments
  bite('http://vendor.example@127.0.0.1:<port>/'),
  bite('http://vendor.example%40@127.0.0.1:<port>/feed.xml'),
  bite('http://vendor.example:80@127.0.0.1:<port>/'),
  bite('http:\\\\127.0.0.1:<port>\\feed.xml'),
  bite('http://127.0.0.1:<port>#@vendor.example/'),
  bite('http://127.0.0.1:<port>\\@vendor.example/'),
  // IPv6, and IPv4 inside of it
  bite('http://[::1]:<port>/'),
  bite('http://[0:0:0:0:0:0:0:1]:<port>/'),
  bite('http://[::ffff:127.0.0.1]:<port>/'),
  bite('http://[::ffff:7f00:1]:<port>/'),
  bite('http://[0:0:0:0:0:ffff:7f00:0001]:<port>/'),
  bite('http://vendor.example:<port>/', { 'vendor.example': ['::ffff:127.0.0.1'] }),
  bite('http://vendor.example:<port>/', { 'vendor.example': ['::1'] }),
  { url: 'http://[::127.0.0.1]:<port>/' },
  { url: 'http://[::]:<port>/', bites: true },
  { url: 'http://[64:ff9b::7f00:1]:<port>/' },
  { url: 'http://[64:ff9b:1::7f00:1]:<port>/' },
  { url: 'http://[2002:7f00:1::]:<port>/' },
  { url: 'http://[2001:0:4136:e378:8000:63bf:80ff:fffe]:<port>/' },
  { url: 'http://[fe80::1]:<port>/' },
  { url: 'http://[fc00::1]:<port>/' },
  { url: 'http://[fd00:ec2::254]/latest/meta-data/' },
  { url: 'http://[fec0::1]:<port>/' },
  { url: 'http://[ff02::1]:<port>/' },
  { url: 'http://[2001:db8::1]:<port>/' },
  // private, shared, link-local, test, multicast, broadcast
  { url: 'http://10.0.0.1:<port>/' },
  { url: 'http://172.16.0.1:<port>/' },
  { url: 'http://172.31.255.255:<port>/' },
  { url: 'http://192.168.0.1:<port>/' },
  { url: 'http://100.64.0.1:<port>/' },
  { url: 'http://169.254.169.254/latest/meta-data/' },
  { url: 'http://0xa9fea9fe/latest/meta-data/' },
  { url: 'http://168.63.129.16/machine' },
  { url: 'http://100.100.100.200/latest/meta-data/' },
  { url: 'http://192.0.0.192/opc/v2/' },
  { url: 'http://198.18.0.1:<port>/' },
  { url: 'http://203.0.113.7:<port>/' },
  { url: 'http://224.0.0.1:<port>/' },
  { url: 'http://240.0.0.1:<port>/' },
  { url: 'http://255.255.255.255:<port>/' },
  at('metadata.google.internal', '169.254.169.254'),
  at('intranet.example', '10.0.0.1', '192.168.0.1', 'fd00::1'),
  at('zoned.example', 'fe80::1%lo'),
  // no addresses at all
  { url: 'http://gone.example/', dns: { 'gone.example': [] } },
  { url: 'http://nobody.example/', code: 'FETCH_UNREACHABLE' },
  { url: 'http://127.0.0.1%00.vendor.example/', code: 'FETCH_ADDRESS' },
  { url: 'http://[::1%25lo]:<port>/', code: 'FETCH_ADDRESS' },
  { url: 'gopher://127.0.0.1:<port>/_GET', code: 'FETCH_ADDRESS' },
  { url: 'data:text/xml,<root/>', code: 'FETCH_ADDRESS' }
]

/** Where a server that may be fetched from sends us next; each must end there. */
export const REDIRECTS: readonly EgressCase[] = [
  bite('http://127.0.0.2:<port>/'),
  bite('//127.0.0.2:<port>/'),
  bite('http://2130706434:<port>/'),
  bite('http://0:<port>/'),
  bite('http://[::1]:<port>/'),
  bite('http://[::ffff:127.0.0.2]:<port>/'),
  bite('http://inside.example:<port>/', { 'inside.example': ['127.0.0.2'] }),
  { url: 'http://169.254.169.254/latest/meta-data/' },
  { url: 'http://user:password@10.0.0.1/' },
  { url: 'file:///etc/passwd', code: 'FETCH_REDIRECTS' },
  { url: 'ftp://127.0.0.2:<port>/feed.xml', code: 'FETCH_REDIRECTS' },
  { url: 'gopher://127.0.0.2:<port>/', code: 'FETCH_REDIRECTS' },
  { url: 'javascript:1', code: 'FETCH_REDIRECTS' }
]
