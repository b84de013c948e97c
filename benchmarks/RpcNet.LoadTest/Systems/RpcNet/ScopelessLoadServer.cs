using System.Diagnostics.Metrics;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using RpcNet.Server;
using RpcNet.Transports;

namespace RpcNet.LoadTest.Systems;

/// <summary>RpcNet's server without a host: one object for all calls, no scope. The filter and the metrics stay.</summary>
internal sealed class ScopelessLoadServer(ITransport transport) : LoadServer
{
    private readonly MeterListener _metrics = RpcNetLoadServer.ListenToMetrics();
    private RpcListener? _listener;

    public override async Task<int> StartAsync(X509Certificate2 identity)
    {
        var server = new RpcServer(
            new RpcServiceMap().AddService<IEcho>(new EchoService()),
            new RpcServerOptions { Limits = RpcNetLoadServer.Limits, Filters = [new TimingFilter()] });
        var tls = new TlsIdentity(identity);
        _listener = await RpcListener.StartAsync(
            transport, new IPEndPoint(IPAddress.Loopback, 0), new TlsServerOptions { SelectIdentity = _ => tls }, [server]);
        return _listener.LocalEndPoint.Port;
    }

    public override async ValueTask DisposeAsync()
    {
        if (_listener is not null)
        {
            await _listener.DisposeAsync();
        }

        _metrics.Dispose();
    }
}
