using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using RpcNet.LoadTest.Coordination;
using RpcNet.LoadTest.Measuring;
using StreamJsonRpc;

namespace RpcNet.LoadTest.Systems;

/// <summary>StreamJsonRpc's client on one TLS connection.</summary>
internal sealed class StreamJsonRpcLoadClient(ServerAddress address) : LoadClient
{
    private Connection? _connection;

    public override async Task ConnectAsync() => _connection = await Connection.OpenAsync(address);

    public override async Task CallAsync(byte[] payload, int worker, Workload workload)
    {
        var echo = _connection!.Echo;
        while (!workload.Stopped)
        {
            var started = Stopwatch.GetTimestamp();
            try
            {
                var answer = await echo.UnaryAsync(payload);
                Check(answer.Length, payload.Length);
                workload.Completed(started);
            }
            catch (Exception e)
            {
                workload.Failed(e);
            }
        }
    }

    public override async Task ReceiveAsync(int payloadBytes, long bytesPerSecond, int worker, Workload workload)
    {
        var counter = workload.CounterOf(worker);
        await foreach (var payload in _connection!.Echo.ReceiveAsync(payloadBytes, bytesPerSecond, CancellationToken.None))
        {
            counter.Items++;
            if (workload.Stopped)
            {
                break;
            }
        }
    }

    public override async Task SendAsync(byte[] payload, int worker, Workload workload) => await _connection!.Echo.SendAsync(
        Payloads(payload, workload, workload.CounterOf(worker)).WithJsonRpcSettings(StreamJsonRpcLoadServer.Streaming(payload.Length)),
        CancellationToken.None);

    public override async Task<IAsyncDisposable> OpenAnotherAsync(byte[] payload)
    {
        var connection = await Connection.OpenAsync(address);
        await connection.Echo.UnaryAsync(payload);
        return connection;
    }

    public override ValueTask DisposeAsync() => _connection?.DisposeAsync() ?? ValueTask.CompletedTask;

    private static async IAsyncEnumerable<byte[]> Payloads(
        byte[] payload,
        Workload workload,
        Workload.StreamCounter counter,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        while (!workload.Stopped && !cancellationToken.IsCancellationRequested)
        {
            yield return payload;
            counter.Items++;
        }

        await Task.CompletedTask;
    }

    private sealed class Connection : IAsyncDisposable
    {
        private readonly SslStream _stream;
        private readonly JsonRpc _rpc;

        private Connection(SslStream stream)
        {
            _stream = stream;
            _rpc = StreamJsonRpcLoadServer.CreateRpc(stream);
            Echo = _rpc.Attach<IJsonEcho>();
            _rpc.StartListening();
        }

        public IJsonEcho Echo { get; }

        public static async Task<Connection> OpenAsync(ServerAddress address)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, address.Port));
            var stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
            await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = "localhost",
                RemoteCertificateValidationCallback = (_, shown, _, _) => LoadCertificate.IsExpected(shown, address),
            });
            return new Connection(stream);
        }

        public ValueTask DisposeAsync()
        {
            _rpc.Dispose();
            return _stream.DisposeAsync();
        }
    }
}
