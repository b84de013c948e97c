using System.Net;
using RpcNet.Client;
using RpcNet.Core.Tests.Support;
using RpcNet.Framing;
using RpcNet.Testing;
using RpcNet.Testing.InMemory;
using RpcNet.Transports;

namespace RpcNet.Core.Tests.Client;

/// <summary>What a client does when a server breaks the protocol.</summary>
public sealed class HostileServerTests : IAsyncDisposable
{
    private readonly InMemoryNetwork _network = new();
    private readonly RpcChannel _channel;
    private readonly ITransportListener _listener;
    private readonly IProbe _client;

    public HostileServerTests()
    {
        var server = _network.CreateTransport("server");
        _listener = server.ListenAsync(new TransportListenerOptions
        {
            EndPoint = new IPEndPoint(server.Address, 0),
            ApplicationProtocols = [RpcProtocol.Alpn],
            Tls = new TlsServerOptions { SelectIdentity = _ => TestCertificates.Shared.Server },
        }).AsTask().GetAwaiter().GetResult();
        _channel = new RpcChannel(_network.CreateTransport("client"), new RpcChannelOptions
        {
            EndPoint = new IPEndPoint(server.Address, _listener.LocalEndPoint.Port),
            Tls = new TlsClientOptions { TargetHost = "localhost", ValidateServer = TestCertificates.Shared.Trust },
        });
        _client = _channel.CreateClient<IProbe>();
    }

    public async ValueTask DisposeAsync()
    {
        await _channel.DisposeAsync();
        await _listener.DisposeAsync();
    }

    [Fact]
    public async Task LateAndInventedTerminalFrames_AreIgnoredAndCounted()
    {
        var call = _client.AddAsync(1, 2);
        await using var peer = await AcceptAsync();
        var (lane, request) = await peer.RequestAsync();
        var answer = RawClient.Frame(FrameType.Response, [3], request.CallId);
        await lane.WriteAsync((byte[])[.. RawClient.Frame(FrameType.Response, [9], 0xFFFF_0005), .. answer, .. answer, .. RawClient.Frame(FrameType.Fault, callId: request.CallId)], false);
        Assert.Equal(3, await Eventually.Soon(call));
        Assert.Equal(0, _channel.CallsInFlight);

        var next = _client.AddAsync(1, 2);
        var second = await peer.NextRequestAsync();
        await lane.WriteAsync((byte[])[.. answer, .. RawClient.Frame(FrameType.Response, [4], second.CallId)], false);
        Assert.Equal(4, await Eventually.Soon(next));

        // The invented one, the answer's repetition, the fault after it, and the answer once more for the next call.
        Assert.Equal(4, _channel.LateFrames);
    }

    [Fact]
    public async Task ResponseThatCannotBeRead_FailsThatCallAlone()
    {
        var call = _client.AddAsync(1, 2);
        await using var peer = await AcceptAsync();
        var (lane, request) = await peer.RequestAsync();
        await lane.WriteAsync(RawClient.Frame(FrameType.Response, [3], request.CallId, extension: [0xC1]), false);
        Assert.Equal(RpcStatusCode.Internal, (await Eventually.Fault(call)).Status);
        Assert.True(_channel.IsReady);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(9999u)]
    public async Task FaultWithAnUnknownStatus_IsUnknown(uint status)
    {
        var call = _client.AddAsync(1, 2);
        await using var peer = await AcceptAsync();
        var (lane, request) = await peer.RequestAsync();
        await lane.WriteAsync(RawClient.Frame(FrameType.Fault, callId: request.CallId, argument: status), false);
        Assert.Equal(RpcStatusCode.Unknown, (await Eventually.Fault(call)).Status);
    }

    [Fact]
    public async Task MalformedFrame_EndsTheConnectionAndItsCalls()
    {
        var call = _client.AddAsync(1, 2);
        await using var peer = await AcceptAsync();
        var (lane, _) = await peer.RequestAsync();
        await lane.WriteAsync(new byte[16], false);
        var fault = await Eventually.Fault(call);
        Assert.Equal((RpcStatusCode.Unavailable, true), (fault.Status, fault.MayHaveExecuted));
        Assert.Contains("broke the protocol", fault.Message);
        Assert.Equal(RpcErrorCode.ProtocolViolation, (await Eventually.Soon(peer.Connection.Closed)).ApplicationErrorCode);
    }

    [Fact]
    public async Task OversizeItem_IsResourceExhausted()
    {
        var items = Eventually.All(_client.RangeAsync(1, 2));
        await using var peer = await AcceptAsync();
        await using var stream = await peer.AcceptCallAsync();
        byte[] huge = [255, 255, 255, 127, (byte)FrameType.Item, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        await stream.WriteAsync((byte[])[.. RawClient.Frame(FrameType.Item, [1]), .. huge], false);
        var fault = await Assert.ThrowsAsync<RpcFaultException>(() => Eventually.Soon(items));
        Assert.Equal(RpcStatusCode.ResourceExhausted, fault.Status);
        Assert.True(_channel.IsReady);
    }

    [Theory]
    [InlineData(RpcErrorCode.Cancelled, RpcStatusCode.Cancelled)]
    [InlineData(RpcErrorCode.DeadlineExceeded, RpcStatusCode.DeadlineExceeded)]
    [InlineData(RpcErrorCode.LimitExceeded, RpcStatusCode.ResourceExhausted)]
    [InlineData(RpcErrorCode.ProtocolViolation, RpcStatusCode.Internal)]
    [InlineData(RpcErrorCode.Draining, RpcStatusCode.Unavailable)]
    public async Task ResetStream_MapsItsCode(long code, RpcStatusCode status)
    {
        var items = Eventually.All(_client.RangeAsync(1, 2));
        await using var peer = await AcceptAsync();
        await using var stream = await peer.AcceptCallAsync();
        stream.AbortWrite(code);
        var fault = await Assert.ThrowsAsync<RpcFaultException>(() => Eventually.Soon(items));
        Assert.Equal(status, fault.Status);
    }

    /// <summary>A reset may overtake the stream's first bytes; the call's fault comes on the lane.</summary>
    [Theory]
    [InlineData(new byte[] { })]
    [InlineData(new byte[] { 3 })]
    [InlineData(new byte[] { 3, 0x80, 1 })]
    public async Task LargeResponse_ResetBeforeItSaysWhatItIs_FailsNothingButItsCall(byte[] preface)
    {
        var call = _client.AddAsync(1, 2);
        await using var peer = await AcceptAsync();
        var (lane, request) = await peer.RequestAsync();
        var stream = await peer.Connection.OpenStreamAsync(TransportStreamDirection.Unidirectional);
        await stream.WriteAsync(preface, false);
        await _network.WaitForIdleAsync();
        stream.AbortWrite(RpcErrorCode.Cancelled);
        await _network.WaitForIdleAsync();
        await lane.WriteAsync(RawClient.Frame(FrameType.Fault, callId: request.CallId, argument: (uint)RpcStatusCode.Aborted), false);
        Assert.Equal(RpcStatusCode.Aborted, (await Eventually.Fault(call)).Status);
        Assert.True(_channel.IsReady);
    }

    [Fact]
    public async Task StreamEndedWithoutEnd_IsInternal()
    {
        var items = Eventually.All(_client.RangeAsync(1, 2));
        await using var peer = await AcceptAsync();
        await using var stream = await peer.AcceptCallAsync();
        await stream.WriteAsync(RawClient.Frame(FrameType.Item, [1]), true);
        var fault = await Assert.ThrowsAsync<RpcFaultException>(() => Eventually.Soon(items));
        Assert.Equal(RpcStatusCode.Internal, fault.Status);
    }

    [Fact]
    public async Task NoSettings_ConnectTimesOut()
    {
        await using var channel = new RpcChannel(_network.CreateTransport("other"), new RpcChannelOptions
        {
            EndPoint = _listener.LocalEndPoint,
            Tls = new TlsClientOptions { TargetHost = "localhost", ValidateServer = TestCertificates.Shared.Trust },
            ConnectTimeout = TimeSpan.FromMilliseconds(100),
        });
        var call = channel.CreateClient<IProbe>().TouchAsync();
        await using var connection = await _listener.AcceptAsync();
        var fault = await Eventually.Fault(call);
        Assert.Equal((RpcStatusCode.Unavailable, false), (fault.Status, fault.MayHaveExecuted));
        Assert.Contains("no answer within 0.1 s", fault.Message);
    }

    private async Task<Peer> AcceptAsync()
    {
        var connection = await Eventually.Soon(_listener.AcceptAsync());
        var control = await connection.OpenStreamAsync(TransportStreamDirection.Unidirectional);
        await control.WriteAsync((byte[])[0, .. RawClient.Frame(FrameType.Settings, [0x80])], false);
        return new Peer(connection);
    }

    private sealed class Peer(ITransportConnection connection) : IAsyncDisposable
    {
        private readonly List<FrameReader> _lanes = [];

        public ITransportConnection Connection { get; } = connection;

        public async Task<(ITransportStream Lane, FrameHeader Request)> RequestAsync()
        {
            while (_lanes.Count < 2)
            {
                var stream = await Eventually.Soon(Connection.AcceptStreamAsync());
                var reader = new FrameReader(stream, 10_000, 100_000);
                if (await reader.ReadVarIntAsync(default) == StreamType.Lane)
                {
                    await reader.ReadVarIntAsync(default);
                    _lanes.Add(reader);
                }
            }

            var lane = await Connection.OpenStreamAsync(TransportStreamDirection.Unidirectional);
            await lane.WriteAsync((byte[])[1, 0], false);
            return (lane, await NextRequestAsync());
        }

        /// <summary>Calls of an idle channel go into its first lane.</summary>
        public async Task<FrameHeader> NextRequestAsync()
        {
            while (true)
            {
                var frame = (await Eventually.Soon(_lanes[0].ReadAsync(default)))!.Value;
                if (frame.Header.Type == FrameType.Request)
                {
                    return frame.Header;
                }
            }
        }

        public async Task<ITransportStream> AcceptCallAsync()
        {
            while (true)
            {
                var stream = await Eventually.Soon(Connection.AcceptStreamAsync());
                if (stream.CanWrite)
                {
                    return stream;
                }
            }
        }

        public ValueTask DisposeAsync() => Connection.DisposeAsync();
    }
}
