using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Hosting;
using Orleans.Runtime;
using RpcNet.LoadTest.Coordination;
using RpcNet.LoadTest.Measuring;

namespace RpcNet.LoadTest.Systems;

/// <summary>An Orleans client of one silo.</summary>
internal sealed class OrleansLoadClient(ServerAddress address) : LoadClient
{
    private const int FirstStreamGrain = 1_000_000;

    private IHost? _host;
    private IGrainFactory? _grains;

    public override async Task ConnectAsync()
    {
        _host = new HostBuilder()
            .ConfigureLogging(static logging => logging.ClearProviders())
            .UseOrleansClient(client => client.UseLocalhostClustering(address.Port))
            .Build();
        await _host.StartAsync();
        _grains = _host.Services.GetRequiredService<IClusterClient>();
    }

    public override async Task CallAsync(byte[] payload, int worker, Workload workload)
    {
        var grain = _grains!.GetGrain<IEchoGrain>(worker);
        var message = new GrainMessage(payload);
        while (!workload.Stopped)
        {
            var started = Stopwatch.GetTimestamp();
            try
            {
                var answer = await grain.Unary(message);
                Check(answer.Payload.Length, payload.Length);
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
        var grain = _grains!.GetGrain<IEchoGrain>(FirstStreamGrain + worker);
        var messages = grain.Receive(payloadBytes, bytesPerSecond).WithBatchSize(Math.Clamp(256 * 1024 / payloadBytes, 4, EchoGrain.MaxBatch));
        await foreach (var message in messages)
        {
            counter.Items++;
            if (workload.Stopped)
            {
                break;
            }
        }
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
}
