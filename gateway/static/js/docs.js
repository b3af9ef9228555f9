// The API's description from /openapi.json, which the gateway generates from its routes.

const main = document.getElementById('operations')

function make(tag, text, ...children) {
  const element = document.createElement(tag)
  if (text != null) element.textContent = text
  element.append(...children)
  return element
}

// A schema in few words, as a person would write an example of it.
function shape(schema, all, depth = 0) {
  if (schema.$ref) return shape(all.components.schemas[schema.$ref.split('/').at(-1)], all, depth)
  if (schema.anyOf) return schema.anyOf.map((one) => shape(one, all, depth)).join(' | ')
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(' | ')
  if (schema.type === 'array') return `[${shape(schema.items, all, depth)}, …]`
  if (schema.type === 'object' && schema.properties) {
    const pad = '  '.repeat(depth + 1)
    const lines = Object.entries(schema.properties).map(([name, one]) => `${pad}"${name}": ${shape(one, all, depth + 1)}`)
    return `{\n${lines.join(',\n')}\n${'  '.repeat(depth)}}`
  }
  if (schema.type === 'object') return schema.additionalProperties ? `{"NAME": ${shape(schema.additionalProperties, all, depth)}, …}` : '{…}'
  const bounds = schema.minimum != null ? ` ${schema.minimum}–${schema.maximum}` : ''
  return (schema.format ?? schema.type) + bounds + (schema.pattern ? ` ${schema.pattern}` : '')
}

function operation(path, method, said, all) {
  const head = make('summary', null, make('code', `${method.toUpperCase()} ${path}`), make('span', ` ${said.summary}`))
  const found = make('details', null, head, make('p', said.description))
  if (said.parameters.length) {
    const rows = said.parameters.map((one) => make('tr', null, make('td', null, make('code', one.name)),
      make('td', `${one.required ? 'required' : 'optional'}${one.in === 'query' ? '' : `, ${one.in}`}`), make('td', one.description), make('td', null, make('code', shape(one.schema, all)))))
    found.append(make('h3', 'Parameters'), make('table', null, make('tbody', null, ...rows)))
  }
  if (said.requestBody) found.append(make('h3', 'Body'), make('pre', shape(said.requestBody.content['application/json'].schema, all)))
  for (const [status, answer] of Object.entries(said.responses)) {
    found.append(make('h3', `${status} ${answer.description}`))
    if (status.startsWith('2')) for (const [type, { schema }] of Object.entries(answer.content)) found.append(make('pre', `${type}\n${shape(schema, all)}`))
  }
  return found
}

const all = await (await fetch('/openapi.json')).json()
document.getElementById('about').textContent = all.info.description
let tag = null
for (const [path, methods] of Object.entries(all.paths)) {
  for (const [method, said] of Object.entries(methods)) {
    if (said.tags[0] !== tag) main.append(make('h2', tag = said.tags[0].replace('_', ' ')))
    main.append(operation(path, method, said, all))
  }
}
