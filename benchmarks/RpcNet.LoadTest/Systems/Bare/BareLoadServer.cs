using System.Buffers.Binary;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using RpcNet.LoadTest.Measuring;
using RpcNet.Transports;

namespace RpcNet.LoadTest.Systems;

/// <summary>The transport alone: streams echoed or filled, without frames, calls or serialization.</summary>
internal sealed class BareLoadServer(ITransport transport) : LoadServer
{
    private ITransportListener? _listener;
    private Task _accepting = Task.CompletedTask;

    public override async Task<int> StartAsync(X509Certificate2 identity)
    {
        var tls = new TlsIdentity(identity);
        _listener = await transport.ListenAsync(new TransportListenerOptions
        {
            EndPoint = new IPEndPoint(IPAddress.Loopback, 0),
            ApplicationProtocols = [BareProtocol.Alpn],
            Tls = new TlsServerOptions { SelectIdentity = _ => tls },
        });
        _accepting = AcceptAsync(_listener);
        return _listener.LocalEndPoint.Port;
    }

    public override async ValueTask DisposeAsync()
    {
        if (_listener is not null)
        {
            await _listener.DisposeAsync();
        }

        await _accepting;
    }

    private static async Task AcceptAsync(ITransportListener listener)
    {
        try
        {
            while (true)
            {
                var connection = await listener.AcceptAsync();
                _ = Task.Run(() => ServeAsync(connection));
            }
        }
        catch (TransportException)
        {
            // The listener is disposed.
        }
    }

    private static async Task ServeAsync(ITransportConnection connection)
    {
        await using (connection)
        {
            try
            {
                while (true)
                {
                    var stream = await connection.AcceptStreamAsync();
                    _ = Task.Run(() => ServeAsync(stream));
                }
            }
            catch (TransportException)
            {
                // The client has gone.
            }
        }
    }

    private static async Task ServeAsync(ITransportStream stream)
    {
        await using (stream)
        {
            try
            {
                var order = new byte[9];
                if (!await BareProtocol.ReadExactlyAsync(stream, order))
                {
                    return;
                }

                var buffer = new byte[BareProtocol.BufferBytes];
                if (order[0] == BareProtocol.Echo)
                {
                    int read;
                    while ((read = await stream.ReadAsync(buffer)) > 0)
                    {
                        await stream.WriteAsync(buffer.AsMemory(0, read), endStream: false);
                    }

                    await stream.WriteAsync(default, endStream: true);
                    return;
                }

                var pacer = new Pacer(buffer.Length, BinaryPrimitives.ReadInt64LittleEndian(order.AsSpan(1)));
                while (true)
                {
                    await pacer.NextAsync();
                    await stream.WriteAsync(buffer, endStream: false);
                }
            }
            catch (TransportException)
            {
                // The client has had enough of the stream, or has gone.
            }
        }
    }
}
