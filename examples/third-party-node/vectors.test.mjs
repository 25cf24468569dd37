// Replays spec/vectors/replies.json, and of wire.json what concerns a plugin's port, against an engine that is none: it
// answers each request as the vector says. Run with `node --test`.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { after, test } from 'node:test';
import { Client, GREETING, READY, decoder, meaning, pong, request } from './event-engine.mjs';

const load = (name) => JSON.parse(readFileSync(new URL(`../../spec/vectors/${name}.json`, import.meta.url))).vectors;
const unhex = (units) => Buffer.from([units].flat().join(''), 'hex');
const wire = load('wire').filter(({ given }) => given.port === 'plugin');
const handshake = wire.find(({ id }) => id === 'wire/handshake');
const bounded = { timeout: 10_000 };

/** Frames of octets that follow the greeting, fed in pieces of `size` octets. */
function frames(octets, size) {
  const bodies = [];
  const decode = decoder(() => {}, (flags, body) => bodies.push({ flags, body }));
  decode(GREETING);
  for (let at = 0; at < octets.length; at += size) decode(octets.subarray(at, at + size));
  return bodies;
}

/** Shakes hands, and then answers what is in `script`: [octets that must come, octets to send]. Returns a client. */
async function engine(script) {
  const server = net.createServer((socket) => {
    let came = Buffer.alloc(0);
    const steps = [[GREETING, unhex(handshake.expect.engine[0])], [READY, unhex(handshake.expect.engine[1])], ...script];
    socket.on('error', () => {}).on('data', (chunk) => {
      for (came = Buffer.concat([came, chunk]); steps.length && came.length >= steps[0][0].length;) {
        const [expected, answer] = steps.shift();
        if (!came.subarray(0, expected.length).equals(expected)) return socket.destroy();
        came = came.subarray(expected.length);
        socket.write(answer);
      }
    });
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  after(() => server.close());
  const client = await Client.connect(`tcp://127.0.0.1:${server.address().port}`);
  after(() => client.close());
  return client;
}

for (const { id, given, expect } of load('replies')) {
  test(id, () => assert.equal(meaning(unhex(given.reply)), expect.meaning));
}

for (const { id, given, expect } of wire) {
  const [asked, answered] = [unhex(given.client), unhex(expect.engine)];
  test(id, bounded, async () => {
    if (id === 'wire/handshake') return assert.deepEqual(Buffer.concat([GREETING, READY]), asked);
    const [, body, more] = frames(asked, 1).map((frame) => frame.body);
    for (const size of [1, 2, 7, 1 << 16]) assert.equal(frames(answered, size).length, expect.engine.length);
    if (more) return; // this client has no way to say that
    assert.deepEqual(request(body), asked);
    const [, reply] = frames(answered, 1).map((frame) => frame.body);
    const client = await engine([[asked, answered]]);
    if (id.startsWith('wire/next-msg')) assert.deepEqual(await client.next(), reply);
    else if (id === 'wire/quit') await client.quit();
    else if (id === 'wire/reserved') await assert.rejects(client.publish(body), { code: 'bad-command' });
    else assert.equal(await client.publish(body), 1);
  });
}

test('a PING is answered by a PONG with its context', bounded, async () => {
  const ping = unhex(['0409', '0450494e47', '0bb8', '6374']); // ttl 3000, context "ct"
  assert.deepEqual(pong(ping.subarray(2)), unhex(['0407', '04504f4e47', '6374']));
  const event = unhex(['0100', '0001', '65']);
  const next = unhex(wire.find(({ id }) => id === 'wire/next-msg').given.client);
  const client = await engine([[next, ping], [pong(ping.subarray(2)), event]]);
  assert.deepEqual(await client.next(), Buffer.from('e'));
});

test('an event that is late is kept, and not asked for twice', bounded, async () => {
  const next = unhex(wire.find(({ id }) => id === 'wire/next-msg').given.client);
  const client = await engine([[next, Buffer.alloc(0)], [next, unhex(['0100', '0001', '65'])]]);
  await assert.rejects(client.next({ signal: AbortSignal.timeout(20) }), { kind: 'timeout' });
  await assert.rejects(client.next({ signal: AbortSignal.timeout(20) }), { kind: 'timeout' });
});
