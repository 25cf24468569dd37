// The testee of this client for the conformance harness (conformance/adapter.md): JSON lines on a TCP connection to
// $CONFORMANCE_ADDRESS. It does what it is told, says what it observed, judges nothing, and never prints.
import net from 'node:net';
import readline from 'node:readline';
import { Client, EngineError } from './event-engine.mjs';

const clients = new Map(); // by the harness's names
const running = new Map(); // id of a command -> its AbortController
const base64 = (data) => data.toString('base64');
const bytes = (text) => Buffer.from(text, 'base64');
const since = (begun) => Math.round((performance.now() - begun) * 1000);

class Refusal extends Error {
  constructor(kind, text) { super(text); this.kind = kind; }
}
function client({ client: name }) {
  if (!clients.has(name)) throw new Refusal('closed', `there is no client ${name}`);
  return clients.get(name);
}
/** What ends a command: its time-out, or `cancel`. A drain has one for each event. */
function limit(command) {
  const controller = new AbortController();
  running.set(command.id, controller);
  if (command.timeout_ms !== undefined) {
    controller.timer = setTimeout(() => { controller.isLate = true; controller.abort(); }, command.timeout_ms);
  }
  return controller;
}
async function limited(command, work) {
  const controller = limit(command);
  try { return await work({ signal: controller.signal }); } finally { clearTimeout(controller.timer); }
}
function numbered({ prefix, size }, number) {
  return Buffer.from((bytes(prefix).toString('latin1') + String(number).padStart(8, '0')).padEnd(size, '.'), 'latin1');
}

const ops = {
  hello: () => ({
    name: 'third-party-node', version: '0.1.0', language: `node ${process.version}`,
    role: 'client', profiles: ['basic'],
    features: ['timeouts', 'unsettled', 'cancel', 'concurrent', 'environment', 'codes', 'late-connect'],
  }),
  cancel: ({ call }) => { running.get(call)?.abort(); return {}; },
  async connect(command) {
    if (!['auto', 'basic', undefined].includes(command.profile)) throw new Refusal('unsupported', 'only basic is here');
    Object.assign(process.env, command.environment);
    clients.get(command.client)?.close();
    const made = await limited(command, (options) => Client.connect(
      command.endpoint, command.timeout_ms === undefined ? {} : options));
    clients.set(command.client, made);
    return { profile: 'basic' };
  },
  next: async (command) => ({ data: base64(await limited(command, (options) => client(command).next(options))) }),
  publish: async (command) => (
    { id: await limited(command, (options) => client(command).publish(bytes(command.data), options)) }),
  quit: async (command) => (await limited(command, (options) => client(command).quit(
    command.timeout_ms === undefined ? {} : options)), {}),
  close: (command) => { client(command).close(); return {}; },
  async flood(command) {
    const begun = performance.now();
    const { signal } = limit(command);
    for (let at = 0, id; ; at += 1) {
      if (at === command.count) return { id, us: since(begun) };
      id = await client(command).publish(numbered(command, command.first + at), { signal });
    }
  },
  async drain(command) {
    const seen = new Set(), numbers = [];
    let begun, us = 0, count = 0;
    try {
      while (seen.size < command.count) {
        const event = (await limited(command, (options) => client(command).next(options))).toString('latin1');
        begun ??= performance.now();
        us = since(begun);
        count += 1;
        const digits = /^[^:]*:(\d{8})/s.exec(event)?.[1];
        if (digits) { seen.add(Number(digits)); numbers.push(Number(digits)); }
      }
    } catch (error) { if (!running.get(command.id).isLate || error.kind !== 'timeout') throw error; }
    return {
      count, distinct: seen.size, in_order: numbers.every((number, at) => !at || number > numbers[at - 1]),
      first: numbers[0] ?? null, last: numbers.at(-1) ?? null, redelivered: 0, us,
    };
  },
  async round_trips(command) {
    const us = [], { signal } = limit(command);
    for (let number = 0; number < command.count; number += 1) {
      const begun = performance.now();
      await client(command).publish(numbered(command, number), { signal });
      await client(command).next({ signal });
      us.push(since(begun));
    }
    return { us };
  },
};

async function run(command) {
  if (!Object.hasOwn(ops, command.op)) throw new Refusal('unsupported', `there is no op ${command.op}`);
  return ops[command.op](command);
}
/** An error in the words of the protocol: a TypeError is how this language refuses an argument. */
function describe(error) {
  const isKnown = error instanceof EngineError || error instanceof Refusal;
  const kind = isKnown ? error.kind : error instanceof TypeError ? 'invalid' : 'other';
  return { kind, code: error.code, unsettled: error.unsettled, text: String(error.message) };
}

const [host, port] = process.env.CONFORMANCE_ADDRESS.split(':');
const harness = net.connect({ host, port, noDelay: true });
harness.on('error', () => process.exit(0)).on('close', () => process.exit(0));
readline.createInterface({ input: harness }).on('line', async (line) => {
  const command = JSON.parse(line);
  const answer = await run(command).then((ok) => ({ ok }), (error) => ({ error: describe(error) }));
  running.delete(command.id);
  harness.write(`${JSON.stringify({ id: command.id, ...answer })}\n`);
});
