// A client of event-engine's basic profile for Node 20, without dependencies: ZMTP 3 over node:net.
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const octets = (text) => Buffer.from(text, 'latin1');
const COMMAND_PREFIX = 'plugin_command: ';
const [NEXT_MSG, QUIT] = [octets(`${COMMAND_PREFIX}next_msg`), octets(`${COMMAND_PREFIX}quit`)];
const REPLIES = { 'event-engine: msg published': 'published', 'event-engine: bad msg': 'bad-msg' };
const [LINGER_MS, HANDSHAKE_MS, FRAME_MAX_BYTES] = [1000, 10_000, 2 ** 30];
const [MORE, LONG, COMMAND] = [1, 2, 4]; // flags of a frame
/** `kind` is timeout, closed, rejected (with a `code`), protocol or transport; `unsettled` is two ids, or absent. */
export class EngineError extends Error {
  constructor(kind, text, more) { Object.assign(super(text), { kind }, more); }
}
const broken = (text) => new EngineError('transport', text);
const foul = (text, more) => new EngineError('protocol', text, more);
const refused = (text, code) => new EngineError('rejected', `the event is refused: ${text}`, { code });
/** A promise for others to settle, which its signal ends; then `late` is called, before anybody else can settle it. */
function call(signal, late, more) {
  const made = { ...more };
  made.promise = new Promise((resolve, reject) => {
    const abort = () => { late?.(made); reject(new EngineError('timeout', 'the engine has not answered yet', more)); };
    const settling = (how) => (value) => { signal?.removeEventListener('abort', abort); how(value); };
    Object.assign(made, { resolve: settling(resolve), reject: settling(reject) });
    if (signal?.aborted) abort(); else signal?.addEventListener('abort', abort, { once: true });
  });
  return made;
}
/** What a promise comes to, unless the signal ends the wait. */
const within = (signal, promise, made = call(signal)) => (promise.then(made.resolve, made.reject), made.promise);
function frame(flags, body) {
  if (body.length < 256) return Buffer.concat([Buffer.from([flags, body.length]), body]);
  const head = Buffer.alloc(9, flags | LONG);
  head.writeBigUInt64BE(BigInt(body.length), 1);
  return Buffer.concat([head, body]);
}
export const GREETING = octets(`\xff${'\0'.repeat(7)}\x01\x7f\x03\x01NULL`.padEnd(64, '\0'));
export const READY = frame(COMMAND, octets('\x05READY\x0bSocket-Type\0\0\0\x03REQ\x08Identity\0\0\0\0'));
export const pong = (ping) => frame(COMMAND, Buffer.concat([octets('\x04PONG'), ping.subarray(7)])); // its context
export const request = (body) => Buffer.concat([frame(MORE, octets('')), frame(0, body)]);
/** What the reply to a publish means. */
export const meaning = (reply) => REPLIES[reply.toString('latin1')] ?? 'other';

/** Returns a function that takes what a peer sends, in any pieces, and tells its greeting and then its frames. */
export function decoder(onGreeting, onFrame) {
  const parser = (function* parse() { // each yield asks for so many octets
    const start = yield 11;
    if (start[0] !== 0xff || !(start[9] & 1) || start[10] < 3) throw foul('the peer does not speak ZMTP 3');
    onGreeting(Buffer.concat([start, yield 53]));
    for (;;) {
      const [flags] = yield 1;
      const size = flags & LONG ? Number((yield 8).readBigUInt64BE()) : (yield 1)[0];
      if (flags > 7 || size > FRAME_MAX_BYTES) throw foul(`a frame of ${size} bytes has the flags ${flags}`);
      onFrame(flags, yield size);
    }
  })();
  let chunks = [], length = 0, need = parser.next().value;
  return (chunk) => {
    chunks.push(chunk);
    for (length += chunk.length; length >= need;) { // a long frame is put together once, when it is complete
      const all = chunks.length > 1 ? Buffer.concat(chunks) : chunks[0];
      [chunks, length] = [[all.subarray(need)], length - need];
      need = parser.next(all.subarray(0, need)).value;
    }
  };
}

class Connection {
  #frames = []; #unanswered = []; #handshake = call();
  ready = this.#handshake.promise; failure = null; untold = null; // publishes that nobody was told the loss of
  constructor(address, all) {
    all.add(this);
    this.socket = net.connect({ ...address, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 });
    this.socket.setTimeout(HANDSHAKE_MS, () => this.fail(broken('the handshake takes too long')));
    this.socket.write(GREETING); // both sides begin at once
    const decode = decoder(() => this.socket.write(READY), (...got) => this.#take(...got));
    this.socket.on('data', (chunk) => { try { decode(chunk); } catch (error) { this.fail(error); } });
    this.socket.on('error', (error) => this.fail(broken(error.message)));
    this.socket.on('close', () => { all.delete(this); this.fail(broken('the connection was closed')); });
  }
  #take(flags, body) {
    if (flags & COMMAND) return this.#command(body.toString('latin1'), body);
    const count = this.#frames.push(body), [delimiter, reply] = this.#frames;
    if (delimiter.length || (count < 2) !== Boolean(flags & MORE)) throw foul('a reply is not of two frames');
    if (reply) this.#frames = []; else return;
    if (!this.#unanswered.length) throw foul('a reply came to no request');
    this.#unanswered.shift().resolve(reply);
  }
  #command(text, body) {
    if (text.startsWith('\x04PING')) this.socket.write(pong(body));
    if (text.startsWith('\x05ERROR')) throw foul(`the peer refuses the connection: ${text.slice(7)}`);
    if (!text.startsWith('\x05READY')) return;
    const type = /\x0bsocket-type\0{3}.([A-Z]+)/is.exec(text)?.[1];
    if (type !== 'ROUTER' && type !== 'REP') throw foul(`a socket of type ${type} is not the port of a plugin`);
    this.#handshake.resolve(this.socket.setTimeout(0) && this);
  }
  /** Sends a request; its reply settles `made`. */
  ask(body, made = call()) {
    if (this.failure) made.reject(this.failure); else this.#unanswered.push(made) && this.socket.write(request(body));
    return made.promise;
  }
  fail(error) {
    const lost = this.#unanswered.splice(0), unsettled = lost[0]?.id && [lost[0].id, lost.at(-1).id];
    if (unsettled && lost.every((made) => made.isLate)) this.untold = unsettled;
    this.failure ??= error;
    this.#handshake.reject(error);
    const said = unsettled ? new EngineError(error.kind, `outcome unknown: ${error.message}`, { unsettled }) : error;
    for (const made of lost) made.reject(said);
    this.socket.destroy();
    return error;
  }
  /** Resolves when all is sent; lets go when the engine has closed, too, or after the linger. */
  end(last) {
    const late = setTimeout(() => this.fail(broken('the linger is over')), LINGER_MS);
    return new Promise((sent) => { this.socket.on('close', () => { clearTimeout(late); sent(); }).end(last, sent); });
  }
}

/** One process's part in a plugin. Every call but `close` takes { signal }, such as AbortSignal.timeout(1000). */
export class Client {
  #address; #all = new Set(); #over = null; #gone = false; #receiving = null; #asking = false;
  #waiters = []; #events = []; #publishing = null; #opening = null; #published = 0;
  /** Connects to tcp://HOST:PORT; tries again until the engine is there. */
  static async connect(endpoint = process.env.EVENT_ENGINE_ENDPOINT, { signal = AbortSignal.timeout(10_000) } = {}) {
    const [, host, port] = /^tcp:\/\/([^\s/@*]+):(\d+)$/.exec(endpoint) ?? [];
    if (!(port > 0 && port < 65536)) throw new TypeError(`the endpoint ${endpoint} is not tcp://HOST:PORT`);
    const client = new Client();
    client.#address = { host, port };
    client.#receiving = await within(signal, client.#open(), call(signal, () => client.close()));
    return client;
  }
  async #open() {
    for (let pause = 10; !this.#gone; pause = Math.min(2 * pause, 1000)) {
      try { return await new Connection(this.#address, this.#all).ready; }
      catch (error) { if (error.kind !== 'transport') throw error; }
      await sleep(pause * (0.5 + Math.random() / 2));
    }
    throw this.#over;
  }
  /** The next event, whatever it looks like. One that comes too late for its call is kept for a later one. */
  async next({ signal } = {}) {
    if (this.#over) throw this.#over;
    if (this.#events.length) return this.#events.shift();
    const waiter = call(signal, (late) => { this.#waiters = this.#waiters.filter((other) => other !== late); });
    if (!signal?.aborted && this.#waiters.push(waiter) && !this.#asking) this.#ask(); // else an event is owed already
    return waiter.promise;
  }
  async #ask() {
    for (this.#asking = true; this.#waiters.length;) {
      try {
        if (this.#receiving.failure) { this.#receiving = await this.#open(); continue; }
        const event = await this.#receiving.ask(NEXT_MSG);
        if (this.#waiters.length) this.#waiters.shift().resolve(event); else this.#events.push(event);
      } catch (error) { // a broken connection takes the request with it: it is sent again on the next one
        if (error.kind === 'transport') await sleep(10);
        else for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
      }
    }
    this.#asking = false;
  }
  /** Publishes bytes, or a text as UTF-8; resolves with the event's number when the engine has accepted it. */
  async publish(event, { signal } = {}) {
    const data = Buffer.from(event);
    if (data.toString('latin1', 0, 16) === COMMAND_PREFIX) throw refused('it begins as a command', 'bad-command');
    const connection = await within(signal, this.#lane()), unsettled = connection.untold;
    if (this.#over) throw this.#over;
    if (connection.failure || signal?.aborted) return this.publish(data, { signal }); // nothing was sent
    connection.untold = null;
    if (unsettled) throw new EngineError('transport', 'what became of an earlier publish is unknown', { unsettled });
    const id = ++this.#published;
    const made = Object.assign(call(signal, (late) => { late.isLate = true; }, { unsettled: [id, id] }), { id });
    const reply = meaning(await connection.ask(data, made));
    if (reply === 'published') return id;
    if (reply === 'bad-msg') throw refused('the engine says bad msg', reply);
    throw connection.fail(foul('what came is no reply to a publish', { unsettled: [id, id] }));
  }
  /** The connection for publishes: one of their own, so that no event crosses with a reply. */
  async #lane() {
    if (this.#publishing?.failure === null) return this.#publishing;
    const opened = await (this.#opening ??= this.#open().finally(() => { this.#opening = null; }));
    opened.untold ??= this.#publishing?.untold;
    return this.#publishing = opened;
  }
  /** This client has finished. There is no answer: resolves when that is sent, and fails if it can't be within 1 s. */
  async quit({ signal = AbortSignal.timeout(LINGER_MS) } = {}) {
    if (this.#over) return;
    const isFree = !(this.#publishing || this.#opening || this.#asking || this.#receiving.failure);
    this.#over = new EngineError('closed', 'the client has quit');
    if (!isFree) this.#receiving.fail(this.#over); // an event that is owed must not come for nobody
    const connection = isFree ? Promise.resolve(this.#receiving) : this.#lane();
    try { await (await within(signal, connection)).end(request(QUIT)); } finally { this.#leave(); }
  }
  /** Lets go without having finished. */
  close() { this.#over ??= new EngineError('closed', 'the client was closed'); this.#leave(); }
  #leave() {
    this.#gone = true;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#over);
    for (const connection of this.#all) if (!connection.socket.writableEnded) connection.end();
  }
}
