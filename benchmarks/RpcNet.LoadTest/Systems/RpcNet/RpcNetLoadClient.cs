using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using RpcNet.Client;
using RpcNet.LoadTest.Coordination;
using RpcNet.LoadTest.Measuring;
using RpcNet.Transports;

namespace RpcNet.LoadTest.Systems;

/// <summary>RpcNet's client: one connection, a deadline on every call, metrics with a listener.</summary>
internal sealed class RpcNetLoadClient : LoadClient
{
    private static readonly RpcCallOptions CallOptions = new() { Timeout = TimeSpan.FromSeconds(30) };
    private static readonly RpcCallOptions StreamOptions = new() { Timeout = TimeSpan.FromMinutes(10) };

    private readonly MeterListener _metrics = RpcNetLoadServer.ListenToMetrics();
    private readonly ITransport _transport;
    private readonly ServerAddress _address;
    private readonly RpcChannel _channel;
    private readonly IEcho _calls;
    private readonly IEcho _streams;

    public RpcNetLoadClient(ITransport transport, ServerAddress address)
    {
        _transport = transport;
        _address = address;
        _channel = CreateChannel();
        _calls = _channel.CreateClient<IEcho>(CallOptions);
        _streams = _channel.CreateClient<IEcho>(StreamOptions);
    }

    public override async Task ConnectAsync() => await _channel.ConnectAsync();

    public override async Task CallAsync(byte[] payload, int worker, Workload workload)
    {
        var message = new EchoMessage(payload);
        while (!workload.Stopped)
        {
            var started = Stopwatch.GetTimestamp();
            try
            {
                var answer = await _calls.UnaryAsync(message);
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
        await foreach (var message in _streams.ReceiveAsync(new StreamOrder(payloadBytes, bytesPerSecond)))
        {
            counter.Items++;
            if (workload.Stopped)
            {
                break;
            }
        }
    }

    public override async Task SendAsync(byte[] payload, int worker, Workload workload) =>
        await _streams.SendAsync(Messages(payload, workload, workload.CounterOf(worker)));

    public override async Task ExchangeAsync(byte[] payload, int worker, Workload workload)
    {
        var counter = workload.CounterOf(worker);
        await foreach (var message in _streams.ExchangeAsync(Messages(payload, workload, counter: null)))
        {
            counter.Items++;
        }
    }

    public override async Task<IAsyncDisposable> OpenAnotherAsync(byte[] payload)
    {
        var channel = CreateChannel();
        await channel.CreateClient<IEcho>(CallOptions).UnaryAsync(new EchoMessage(payload));
        return channel;
    }

    public override async ValueTask DisposeAsync()
    {
        await _channel.DisposeAsync();
        _metrics.Dispose();
    }

    private static async IAsyncEnumerable<EchoMessage> Messages(byte[] payload, Workload workload, Workload.StreamCounter? counter)
    {
        var message = new EchoMessage(payload);
        while (!workload.Stopped)
        {
            yield return message;
            if (counter is not null)
            {
                counter.Items++;
            }
        }

        await Task.CompletedTask;
    }

    private RpcChannel CreateChannel() => new(_transport, new RpcChannelOptions
    {
        EndPoint = new IPEndPoint(IPAddress.Loopback, _address.Port),
        Tls = new TlsClientOptions
        {
            TargetHost = "localhost",
            ValidateServer = CertificateValidators.CustomTrust(
                () => [System.Security.Cryptography.X509Certificates.X509CertificateLoader.LoadCertificate(Convert.FromBase64String(_address.Certificate))]),
        },
        Limits = RpcNetLoadServer.Limits,
    });
}
