using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using RpcNet.LoadTest.Coordination;
using RpcNet.LoadTest.Measuring;
using RpcNet.Transports;

namespace RpcNet.LoadTest.Systems;

/// <summary>
/// The client's end of the bare loop. All frames in flight share one stream: one worker keeps as many outstanding as the
/// scenario has calls, writes those that came back in one go, and so shows what the engine leaves for an RPC layer.
/// </summary>
internal sealed class BareLoadClient(ITransport transport, ServerAddress address) : LoadClient
{
    private ITransportConnection? _connection;

    public override async Task ConnectAsync() => _connection = await OpenConnectionAsync();

    public override async Task CallAsync(byte[] payload, int worker, Workload workload)
    {
        // One loop carries the calls of all workers.
        if (worker == 0)
        {
            await using var stream = await OpenStreamAsync(_connection!, BareProtocol.Echo, 0);
            await new BareEchoLoop(stream, payload.Length + BareProtocol.HeaderBytes, workload.Workers, workload).RunAsync();
        }
    }

    public override async Task ReceiveAsync(int payloadBytes, long bytesPerSecond, int worker, Workload workload)
    {
        await using var stream = await OpenStreamAsync(_connection!, BareProtocol.Source, bytesPerSecond);
        var counter = workload.CounterOf(worker);
        var messageBytes = payloadBytes + BareProtocol.HeaderBytes;
        var buffer = new byte[BareProtocol.BufferBytes];
        var received = 0L;
        while (!workload.Stopped)
        {
            var read = await stream.ReadAsync(buffer);
            if (read == 0)
            {
                return;
            }

            received += read;
            counter.Items = received / messageBytes;
        }
    }

    public override async Task<IAsyncDisposable> OpenAnotherAsync(byte[] payload)
    {
        var connection = await OpenConnectionAsync();
        await using var stream = await OpenStreamAsync(connection, BareProtocol.Echo, 0);
        await stream.WriteAsync(payload, endStream: true);
        await BareProtocol.ReadExactlyAsync(stream, new byte[payload.Length]);
        return connection;
    }

    public override async ValueTask DisposeAsync()
    {
        if (_connection is not null)
        {
            await _connection.DisposeAsync();
        }
    }

    private static async Task<ITransportStream> OpenStreamAsync(ITransportConnection connection, byte work, long bytesPerSecond)
    {
        var stream = await connection.OpenStreamAsync(TransportStreamDirection.Bidirectional);
        var order = new byte[9];
        order[0] = work;
        BinaryPrimitives.WriteInt64LittleEndian(order.AsSpan(1), bytesPerSecond);
        await stream.WriteAsync(order, endStream: false);
        return stream;
    }

    private async Task<ITransportConnection> OpenConnectionAsync() => await transport.ConnectAsync(new TransportConnectOptions
    {
        EndPoint = new IPEndPoint(IPAddress.Loopback, address.Port),
        ApplicationProtocols = [BareProtocol.Alpn],
        Tls = new TlsClientOptions
        {
            TargetHost = "localhost",
            ValidateServer = CertificateValidators.CustomTrust(
                () => [X509CertificateLoader.LoadCertificate(Convert.FromBase64String(address.Certificate))]),
        },
    });
}
