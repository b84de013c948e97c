using System.Diagnostics.Metrics;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.DependencyInjection;
using RpcNet.Server;
using RpcNet.Transports;

namespace RpcNet.LoadTest.Systems;

/// <summary>RpcNet's server with everything on: a DI scope a call, a filter, metrics with a listener.</summary>
internal sealed class RpcNetLoadServer(ITransport transport) : LoadServer
{
    /// <summary>Room for 4 MiB of payload and what surrounds it.</summary>
    public static readonly RpcLimits Limits = new() { MessageBytes = 8 << 20 };

    private readonly ServiceProvider _services = new ServiceCollection().AddScoped<EchoService>().BuildServiceProvider();
    private readonly MeterListener _metrics = ListenToMetrics();
    private RpcListener? _listener;

    public override async Task<int> StartAsync(X509Certificate2 identity)
    {
        var map = new RpcServiceMap().AddService<IEcho>(static call => call.Services!.GetRequiredService<EchoService>());
        var server = new RpcServer(map, new RpcServerOptions
        {
            Limits = Limits,
            Filters = [new TimingFilter()],
            CreateScope = () => new Scope(_services.CreateAsyncScope()),
        });
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
        await _services.DisposeAsync();
    }

    /// <summary>Listens to all instruments of RpcNet, as an exporter does: without a listener, metrics cost nothing.</summary>
    internal static MeterListener ListenToMetrics()
    {
        var listener = new MeterListener
        {
            InstrumentPublished = static (instrument, listener) =>
            {
                if (instrument.Meter.Name.StartsWith("RpcNet", StringComparison.Ordinal))
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>(static (_, _, _, _) => { });
        listener.SetMeasurementEventCallback<long>(static (_, _, _, _) => { });
        listener.SetMeasurementEventCallback<int>(static (_, _, _, _) => { });
        listener.Start();
        return listener;
    }

    private sealed class Scope(AsyncServiceScope scope) : IRpcServiceScope
    {
        public IServiceProvider Services => scope.ServiceProvider;

        public ValueTask DisposeAsync() => scope.DisposeAsync();
    }
}
