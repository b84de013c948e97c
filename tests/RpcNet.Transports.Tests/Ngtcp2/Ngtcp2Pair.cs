using System.Net;
using System.Net.Security;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.Transports.Tests.Ngtcp2;

/// <summary>A listener and the connections made to it.</summary>
internal sealed class Ngtcp2Pair : IAsyncDisposable
{
    private readonly List<IAsyncDisposable> _made = [];

    private Ngtcp2Pair(Ngtcp2Transport transport, ITransportListener listener)
    {
        Transport = transport;
        Listener = listener;
    }

    public static SslApplicationProtocol Protocol { get; } = new("test/1");

    public Ngtcp2Transport Transport { get; }

    public ITransportListener Listener { get; }

    public static TransportListenerOptions ListenerOptions(
        IPEndPoint? endPoint = null, ClientCertificateMode mode = ClientCertificateMode.None, TlsIdentity? identity = null) => new()
    {
        ApplicationProtocols = [Protocol],
        EndPoint = endPoint ?? new IPEndPoint(IPAddress.Loopback, 0),
        Tls = new TlsServerOptions
        {
            SelectIdentity = _ => identity ?? TestCertificates.Shared.Server,
            ClientCertificates = mode,
            ValidateClient = CertificateValidators.CustomTrust(() => TestCertificates.Shared.Roots),
        },
    };

    public static TransportConnectOptions ConnectOptions(EndPoint endPoint, TlsIdentity? identity = null) => new()
    {
        ApplicationProtocols = [Protocol],
        EndPoint = endPoint,
        Tls = new TlsClientOptions
        {
            TargetHost = "localhost",
            SelectIdentity = identity is null ? null : () => identity,
            ValidateServer = CertificateValidators.CustomTrust(() => TestCertificates.Shared.Roots),
        },
    };

    public static async Task<Ngtcp2Pair> StartAsync(TransportListenerOptions? options = null, Ngtcp2TransportOptions? engine = null)
    {
        Assert.SkipUnless(Ngtcp2Transport.IsSupported, Ngtcp2Transport.UnsupportedReason ?? "");
        var transport = new Ngtcp2Transport(engine);
        return new Ngtcp2Pair(transport, await transport.ListenAsync(options ?? ListenerOptions()));
    }

    public async Task<(ITransportConnection Client, ITransportConnection Server)> ConnectAsync(TransportConnectOptions? options = null)
    {
        var accept = Listener.AcceptAsync();
        var client = await Transport.ConnectAsync(options ?? ConnectOptions(Listener.LocalEndPoint));
        var server = await accept;
        _made.Add(client);
        _made.Add(server);
        return (client, server);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var made in _made)
        {
            await made.DisposeAsync();
        }

        await Listener.DisposeAsync();
    }
}
