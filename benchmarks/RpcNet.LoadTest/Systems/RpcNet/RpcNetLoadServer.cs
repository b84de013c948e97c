using System.Diagnostics.Metrics;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet.Hosting;
using RpcNet.Server;
using RpcNet.Transports;

namespace RpcNet.LoadTest.Systems;

/// <summary>RpcNet's server as applications host it, with everything on: a DI scope a call, a filter, metrics with a listener.</summary>
internal sealed class RpcNetLoadServer(ITransport transport) : LoadServer
{
    /// <summary>Room for 4 MiB of payload and what surrounds it.</summary>
    public static readonly RpcLimits Limits = new() { MessageBytes = 8 << 20 };

    private readonly MeterListener _metrics = ListenToMetrics();
    private IHost? _host;

    public override async Task<int> StartAsync(X509Certificate2 identity)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.SetMinimumLevel(LogLevel.Warning).AddConsole(
            static console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Services.AddSingleton(transport);
        builder.Services.AddSingleton<IRpcCertificates>(new LoadCertificates(identity));
        builder.Services.AddSingleton<TimingFilter>();
        builder.Services
            .AddRpcNet(static options =>
            {
                options.Listen.Address = "127.0.0.1:0";
                options.Server.Limits.MessageBytes = Limits.MessageBytes;
            })
            .AddService<IEcho, EchoService>()
            .AddFilter<TimingFilter>();
        _host = builder.Build();
        await _host.StartAsync();
        return _host.Services.GetRequiredService<IRpcNetEndpoint>().LocalEndPoint!.Port;
    }

    public override async ValueTask DisposeAsync()
    {
        if (_host is not null)
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
            await _host.StopAsync(limit.Token);
            _host.Dispose();
        }

        _metrics.Dispose();
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

    private sealed class LoadCertificates(X509Certificate2 identity) : IRpcCertificates
    {
        private readonly TlsIdentity _identity = new(identity);

        public TlsIdentity? ClientIdentity => null;

        public TlsIdentity? ClusterIdentity => null;

        public bool AllowAnonymousCluster => false;

        public string? ClusterTargetHost => null;

        public PeerCertificateValidator ValidateServer => static _ => "this process calls no server";

        public PeerCertificateValidator? ValidateClient => null;

        public PeerCertificateValidator ValidateMember => static _ => "this process has no cluster";

        public TlsIdentity? GetServerIdentity(string? serverName) => _identity;

        public ValueTask LoadAsync(bool serves, bool member, CancellationToken cancellationToken) => ValueTask.CompletedTask;
    }
}
