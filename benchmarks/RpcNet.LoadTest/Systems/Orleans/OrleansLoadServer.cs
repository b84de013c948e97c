using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Hosting;

namespace RpcNet.LoadTest.Systems;

/// <summary>An Orleans silo with localhost clustering: TCP without TLS.</summary>
internal sealed class OrleansLoadServer : LoadServer
{
    private IHost? _host;

    public override async Task<int> StartAsync(X509Certificate2 identity)
    {
        var gateway = FreePort();
        _host = new HostBuilder()
            .ConfigureLogging(static logging => logging.ClearProviders())
            .UseOrleans(silo => silo.UseLocalhostClustering(FreePort(), gateway))
            .Build();
        await _host.StartAsync();
        return gateway;
    }

    public override async ValueTask DisposeAsync()
    {
        if (_host is not null)
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
            await _host.StopAsync(limit.Token);
            _host.Dispose();
        }
    }

    /// <summary>A port that was free a moment ago; Orleans cannot bind port 0.</summary>
    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
