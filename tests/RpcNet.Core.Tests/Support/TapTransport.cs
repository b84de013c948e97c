using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using RpcNet.Framing;
using RpcNet.Transports;

namespace RpcNet.Core.Tests.Support;

/// <summary>A client's transport that keeps what its streams carry, and can hold writes back.</summary>
internal sealed class TapTransport(ITransport inner) : ITransport
{
    private readonly List<Tap> _streams = [];

    public string Name => inner.Name;

    /// <summary>Writes wait for it; null lets them through.</summary>
    public TaskCompletionSource? WriteGate { get; set; }

    /// <summary>Writes that wait.</summary>
    public int HeldWrites;

    /// <summary>The frames that the client wrote (or, with false, received), stream by stream in the order of their opening.</summary>
    public List<(FrameHeader Header, byte[] Payload)> Frames(bool sent)
    {
        Tap[] streams;
        lock (_streams)
        {
            streams = [.. _streams];
        }

        return [.. streams.SelectMany(s => s.Frames(sent))];
    }

    public ValueTask<ITransportListener> ListenAsync(TransportListenerOptions options, CancellationToken cancellationToken = default) =>
        inner.ListenAsync(options, cancellationToken);

    public async ValueTask<ITransportConnection> ConnectAsync(TransportConnectOptions options, CancellationToken cancellationToken = default) =>
        new Connection(this, await inner.ConnectAsync(options, cancellationToken));

    private Tap Add(ITransportStream stream, bool opened)
    {
        var tap = new Tap(this, stream, opened);
        lock (_streams)
        {
            _streams.Add(tap);
        }

        return tap;
    }

    private sealed class Connection(TapTransport tap, ITransportConnection inner) : ITransportConnection
    {
        public SslApplicationProtocol ApplicationProtocol => inner.ApplicationProtocol;

        public IPEndPoint LocalEndPoint => inner.LocalEndPoint;

        public IPEndPoint RemoteEndPoint => inner.RemoteEndPoint;

        public X509Certificate2? RemoteCertificate => inner.RemoteCertificate;

        public Task<TransportException> Closed => inner.Closed;

        public async ValueTask<ITransportStream> OpenStreamAsync(TransportStreamDirection direction, CancellationToken cancellationToken = default) =>
            tap.Add(await inner.OpenStreamAsync(direction, cancellationToken), opened: true);

        public async ValueTask<ITransportStream> AcceptStreamAsync(CancellationToken cancellationToken = default) =>
            tap.Add(await inner.AcceptStreamAsync(cancellationToken), opened: false);

        public ValueTask CloseAsync(long errorCode, CancellationToken cancellationToken = default) => inner.CloseAsync(errorCode, cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    private sealed class Tap(TapTransport tap, ITransportStream inner, bool opened) : ITransportStream
    {
        private readonly List<byte> _written = [];
        private readonly List<byte> _read = [];

        public long Id => inner.Id;

        public bool CanRead => inner.CanRead;

        public bool CanWrite => inner.CanWrite;

        public Task WritesClosed => inner.WritesClosed;

        public IEnumerable<(FrameHeader Header, byte[] Payload)> Frames(bool sent)
        {
            byte[] bytes;
            var log = sent ? _written : _read;
            lock (log)
            {
                bytes = [.. log];
            }

            var at = 0;
            if (bytes.Length > 0 && sent == opened)
            {
                // Lanes and large responses have an id after their type.
                at = VarInt.TryRead(bytes, out var type);
                at += type is StreamType.Lane or StreamType.LargeResponse ? VarInt.TryRead(bytes.AsSpan(at), out _) : 0;
            }

            while (bytes.Length - at >= FrameHeader.Size)
            {
                var header = FrameHeader.Read(bytes.AsSpan(at));
                var end = at + FrameHeader.LengthFieldSize + (int)header.Length;
                if (end > bytes.Length)
                {
                    yield break;
                }

                yield return (header, bytes[(at + FrameHeader.Size + header.ExtensionLength)..end]);
                at = end;
            }
        }

        public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var count = await inner.ReadAsync(buffer, cancellationToken);
            lock (_read)
            {
                _read.AddRange(buffer.Span[..count]);
            }

            return count;
        }

        public async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, bool endStream, CancellationToken cancellationToken = default)
        {
            if (tap.WriteGate is { } gate)
            {
                Interlocked.Increment(ref tap.HeldWrites);
                await gate.Task;
            }

            lock (_written)
            {
                _written.AddRange(buffer.Span);
            }

            await inner.WriteAsync(buffer, endStream, cancellationToken);
        }

        public void AbortRead(long errorCode) => inner.AbortRead(errorCode);

        public void AbortWrite(long errorCode) => inner.AbortWrite(errorCode);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
