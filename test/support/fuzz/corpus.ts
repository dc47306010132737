/** Bodies the gateway reads, and what it could be told about them. */

export const OFFER =
  '{"id":"A-1","transaction":"sale","price":{"amount":1234567890123456789.10,"currency":"EUR"}}'

export const BODIES: readonly (readonly [type: string, text: string])[] = [
  ['application/json', OFFER],
  ['application/json', `[${OFFER},{"id":2}]`],
  [
    'application/json',
    '{"id":"p","__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'
  ],
  ['application/x-ndjson', `${OFFER}\n{"id":"B"}\n`],
  [
    'application/xml',
    '<?xml version="1.0" encoding="windows-1251"?><offer><id>X</id><t a="1">&amp;</t></offer>'
  ],
  ['text/xml', '<!DOCTYPE a [<!ENTITY b "c">]><offer><id>&b;</id></offer>'],
  [
    'application/soap+xml',
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound"><Notification><Id>1</Id><sObject><id>9</id></sObject></Notification></notifications></s:Body></s:Envelope>'
  ],
  [
    'application/x-www-form-urlencoded',
    'id=7&data[FIELDS][ID]=7&data[a][]=1&data[a][]=2&__proto__[polluted]=1'
  ],
  ['text/plain', 'id']
]

/** Names of headers somebody reads: we, Node, or a proxy. */
export const HEADERS = [
  'content-type', 'content-encoding', 'content-length', 'transfer-encoding', 'traceparent', 'x-forwarded-for',
  'authorization', 'x-api-key', 'webhook-id', 'webhook-timestamp', 'webhook-signature', 'x-signature', 'accept', 'host',
  'expect', 'connection', 'upgrade', 'x-http-method-override', 'content-language', 'cookie'
] // prettier-ignore

export const VALUES = [
  'application/json', 'application/json; charset=utf-16', 'text/xml; charset=windows-1251', 'a/b; charset=nonsense',
  'multipart/form-data; boundary=x', 'gzip', 'deflate', 'br', 'gzip, gzip', 'identity', 'chunked', 'Basic', 'Bearer x',
  '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', '127.0.0.1', '::1%eth0', '100-continue', 'close',
  'keep-alive, upgrade', 'h2c', '0', '\u00ff', ';', '='
] // prettier-ignore

/** Media types, sound and unsound, that are damaged further. */
export const TYPES = [
  ...new Set(BODIES.map(([type]) => type)),
  ...VALUES.filter((value) => value.includes('/')),
  'application/vnd.crm.offer+json',
  'application/json; charset="utf-8"; charset=latin1',
  'text/xml;charset=utf-16le',
  'application/xml; charset=koi8-r',
  'APPLICATION/JSON ; Charset=UTF-8 ; boundary="a;b\\"c"'
]
