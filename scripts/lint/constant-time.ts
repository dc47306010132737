/**
 * Where secrets are, two values may be compared only in constant time (`isSameDigest`, `timingSafeEqual`). Whether a
 * name holds a secret is for people to say, not for a list of names: so every comparison of two values is refused
 * unless one of them is written in the code, and one that is harmless says why beside it.
 */

interface Node {
  type: string
  name?: string
  operator?: string
  left?: Node
  right?: Node
  callee?: Node
  property?: Node
  arguments?: readonly Node[]
  expressions?: readonly unknown[]
  test?: Node | null
}

interface Context {
  report: (problem: { node: unknown; message: string }) => void
}

const MESSAGE =
  'Compare in constant time (isSameDigest, timingSafeEqual), or say why neither value is secret.'
const EQUALITY: ReadonlySet<string> = new Set(['==', '===', '!=', '!=='])
/** Methods that stop at the first difference; those of the second row are harmless for a value written in the code. */
const COMPARING: ReadonlySet<string> = new Set(['equals', 'compare', 'localeCompare'])
const SEARCHING: ReadonlySet<string> = new Set(['includes', 'indexOf', 'lastIndexOf'])

/** Written in the code: a literal, `undefined`, a CONSTANT, or the length or the type of something. */
const isWritten = (node: Node | undefined): boolean => {
  switch (node?.type) {
    case 'Literal':
      return true
    case 'TemplateLiteral':
      return node.expressions?.length === 0
    case 'Identifier':
      return node.name === 'undefined' || /^[A-Z][A-Z0-9_]*$/.test(node.name ?? '')
    case 'UnaryExpression':
      return node.operator === 'typeof' || node.operator === '-'
    case 'MemberExpression':
      return node.property?.name === 'length'
    default:
      return false
  }
}

const plugin = {
  meta: { name: 'house' },
  rules: {
    'constant-time': {
      create: (context: Context) => ({
        BinaryExpression: (node: Node) => {
          if (!EQUALITY.has(node.operator ?? '') || isWritten(node.left) || isWritten(node.right)) return
          context.report({ node, message: MESSAGE })
        },
        CallExpression: (node: Node) => {
          const method = node.callee?.property?.name ?? ''
          const searches = SEARCHING.has(method) && !isWritten(node.arguments?.[0])
          if (searches || COMPARING.has(method)) context.report({ node, message: MESSAGE })
        },
        SwitchCase: (node: Node) => {
          if (node.test !== null && !isWritten(node.test)) context.report({ node, message: MESSAGE })
        }
      })
    }
  }
}

export default plugin
