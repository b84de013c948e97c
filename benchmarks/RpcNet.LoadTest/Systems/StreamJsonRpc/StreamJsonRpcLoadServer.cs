using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;
using RpcNet.LoadTest.Measuring;
using StreamJsonRpc;

namespace RpcNet.LoadTest.Systems;

/// <summary>StreamJsonRpc with MessagePack and length headers, its fastest form, over TLS on TCP.</summary>
internal sealed class StreamJsonRpcLoadServer : LoadServer
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private Task _accepting = Task.CompletedTask;

    /// <summary>Batches streams; by default each message is a round trip.</summary>
    public static JsonRpcEnumerableSettings Streaming(int payloadBytes) => new()
    {
        MinBatchSize = Math.Clamp(64 * 1024 / payloadBytes, 1, 256),
        MaxReadAhead = Math.Clamp(256 * 1024 / payloadBytes, 4, 1024),
    };

    public static JsonRpc CreateRpc(Stream stream)
    {
        var rpc = new JsonRpc(new LengthHeaderMessageHandler(stream, stream, new MessagePackFormatter()))
        {
            SynchronizationContext = null,
        };
        rpc.TraceSource.Switch.Level = System.Diagnostics.SourceLevels.Off;
        return rpc;
    }

    public override Task<int> StartAsync(X509Certificate2 identity)
    {
        _listener.Start(4096);
        var tls = SslStreamCertificateContext.Create(identity, additionalCertificates: null, offline: true);
        _accepting = AcceptAsync(tls);
        return Task.FromResult(((IPEndPoint)_listener.LocalEndpoint).Port);
    }

    public override async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
    }

    private async Task AcceptAsync(SslStreamCertificateContext tls)
    {
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptSocketAsync();
                _ = Task.Run(() => ServeAsync(socket, tls));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The listener is stopped.
        }
    }

    private static async Task ServeAsync(Socket socket, SslStreamCertificateContext tls)
    {
        socket.NoDelay = true;
        await using var stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
        try
        {
            await stream.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificateContext = tls });
            using var rpc = CreateRpc(stream);
            rpc.AddLocalRpcTarget<IJsonEcho>(new Service(), null);
            rpc.StartListening();
            await rpc.Completion;
        }
        catch (Exception e) when (e is IOException or ConnectionLostException or OperationCanceledException)
        {
            // The client has gone.
        }
    }

    private sealed class Service : IJsonEcho
    {
        public Task<byte[]> UnaryAsync(byte[] payload) => Task.FromResult(payload);

        public IAsyncEnumerable<byte[]> ReceiveAsync(int payloadBytes, long bytesPerSecond, CancellationToken cancellationToken) =>
            Payloads(payloadBytes, bytesPerSecond, cancellationToken).WithJsonRpcSettings(Streaming(payloadBytes));

        public async Task<long> SendAsync(IAsyncEnumerable<byte[]> payloads, CancellationToken cancellationToken)
        {
            var count = 0L;
            await foreach (var payload in payloads.WithCancellation(cancellationToken))
            {
                count++;
            }

            return count;
        }

        private static async IAsyncEnumerable<byte[]> Payloads(
            int payloadBytes, long bytesPerSecond, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            var payload = new byte[payloadBytes];
            var pacer = new Pacer(payloadBytes, bytesPerSecond);
            while (!cancellationToken.IsCancellationRequested)
            {
                await pacer.NextAsync();
                yield return payload;
            }
        }
    }
}
