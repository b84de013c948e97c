// An echo peer over quiche: "echo.mjs server CERT KEY ALPN" prints its port and echoes until its input ends; "echo.mjs client
// ADDR ROOTS ALPN SIZE…" sends so many bytes on a stream each and checks what comes back; "echo.mjs check" loads the library.
import { randomBytes, createHmac, webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { QUICClient, QUICServer, events } from '@matrixai/quic';

const [role, ...rest] = process.argv.slice(2);
const config = { maxIdleTimeout: 10_000, readableChunkSize: 64 * 1024, initialMaxData: 4 << 20 };
const digest = (key, data) => createHmac('sha256', Buffer.from(key)).update(Buffer.from(data)).digest();

async function serve([cert, key, alpn]) {
  const server = new QUICServer({
    crypto: {
      key: randomBytes(32).buffer,
      ops: {
        sign: async (key, data) => { const d = digest(key, data); return d.buffer.slice(d.byteOffset, d.byteOffset + d.length); },
        verify: async (key, data, signature) => digest(key, data).equals(Buffer.from(signature)),
      },
    },
    config: { ...config, cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8'), applicationProtos: [alpn] },
  });
  server.addEventListener(events.EventQUICServerConnection.name, ({ detail: connection }) => {
    connection.addEventListener(events.EventQUICConnectionStream.name, ({ detail: stream }) => {
      // A connection that its peer closes ends its streams with an error.
      stream.readable.pipeTo(stream.writable).catch(() => {});
    });
  });
  await server.start({ host: '127.0.0.1', port: 0 });
  console.log('port', server.port);
  for await (const _ of process.stdin);
  process.exit(0);
}

async function connect([address, roots, alpn, ...sizes]) {
  const [host, port] = address.split(':');
  const client = await QUICClient.createQUICClient({
    host,
    port: Number(port),
    serverName: 'localhost',
    localHost: '127.0.0.1',
    crypto: { ops: { randomBytes: async (data) => { webcrypto.getRandomValues(new Uint8Array(data)); } } },
    config: { ...config, ca: readFileSync(roots, 'utf8'), verifyPeer: true, applicationProtos: [alpn] },
  }, { timer: 15_000 });
  console.log('alpn', alpn);
  for (const size of sizes.map(Number)) {
    const sent = randomBytes(size);
    const stream = client.connection.newStream('bidi');
    const writing = (async () => {
      const writer = stream.writable.getWriter();
      await writer.write(sent);
      await writer.close();
    })();
    const received = [];
    for await (const chunk of stream.readable) received.push(Buffer.from(chunk));
    await writing;
    const all = Buffer.concat(received);
    console.log('echo', all.length, all.equals(sent));
  }
  await client.destroy({ isApp: true, errorCode: 7, reason: Buffer.from('done'), force: true });
}

try {
  if (role === 'server') await serve(rest);
  else if (role === 'client') await connect(rest);
} catch (e) {
  console.log('failed:', e.message, e.cause?.message ?? '', e.data ?? '');
  process.exit(1);
}
