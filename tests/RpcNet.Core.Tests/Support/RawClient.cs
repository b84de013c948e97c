using RpcNet.Framing;
using RpcNet.Transports;

namespace RpcNet.Core.Tests.Support;

/// <summary>A client that writes what a test wants, right or wrong.</summary>
internal sealed class RawClient(ITransportConnection connection) : IAsyncDisposable
{
    public ITransportConnection Connection { get; } = connection;

    public static async Task<RawClient> ConnectAsync(RpcFixture fixture) => new(await fixture.ClientTransport.ConnectAsync(
        new TransportConnectOptions
        {
            EndPoint = fixture.EndPoint,
            Tls = fixture.ChannelOptions.Tls,
            ApplicationProtocols = [RpcProtocol.Alpn],
        }));

    /// <summary>Connects and sends SETTINGS.</summary>
    public static async Task<RawClient> StartAsync(RpcFixture fixture, PeerSettings? settings = null)
    {
        var client = await ConnectAsync(fixture);
        using var payload = new PooledBufferWriter();
        (settings ?? PeerSettings.Default).Write(payload);
        await client.OpenAsync([0, .. Frame(FrameType.Settings, payload.WrittenSpan.ToArray())]);
        return client;
    }

    public static byte[] Frame(
        FrameType type, byte[]? payload = null, uint callId = 0, uint argument = 0, byte[]? extension = null, FrameFlags flags = 0)
    {
        var bytes = new byte[FrameHeader.Size];
        FrameHeader.Create(type, flags, extension?.Length ?? 0, payload?.Length ?? 0, callId, argument).Write(bytes);
        return [.. bytes, .. extension ?? [], .. payload ?? []];
    }

    public static byte[] Extension(FrameExtension extension)
    {
        using var buffer = new PooledBufferWriter();
        extension.Write(buffer);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Opens a unidirectional stream and writes to it.</summary>
    public async Task<ITransportStream> OpenAsync(byte[] bytes, TransportStreamDirection direction = TransportStreamDirection.Unidirectional)
    {
        var stream = await Connection.OpenStreamAsync(direction);
        await stream.WriteAsync(bytes, endStream: false);
        return stream;
    }

    /// <summary>Opens a lane and defines method 1 on it.</summary>
    public Task<ITransportStream> OpenLaneAsync(string method = "tests.v1.Probe/CountCalls") =>
        OpenAsync([1, 0, .. Frame(FrameType.DefineMethod, System.Text.Encoding.UTF8.GetBytes(method), argument: 1)]);

    /// <summary>Accepts the server's streams until one has this type; the others are read to nowhere.</summary>
    public async Task<FrameReader> AcceptAsync(long type)
    {
        while (true)
        {
            var stream = await Eventually.Soon(Connection.AcceptStreamAsync());
            var reader = new FrameReader(stream, 60_000, 1 << 24);
            var found = await Eventually.Soon(reader.ReadVarIntAsync(default));
            if (found == type)
            {
                return reader;
            }
        }
    }

    /// <summary>Waits for the server to close the connection; gives its code.</summary>
    public async Task<long?> ClosedAsync() => (await Eventually.Soon(Connection.Closed)).ApplicationErrorCode;

    public ValueTask DisposeAsync() => Connection.DisposeAsync();
}
