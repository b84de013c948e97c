using System.Net;
using BenchmarkDotNet.Attributes;
using RpcNet.Client;
using RpcNet.Server;
using RpcNet.Testing;
using RpcNet.Testing.InMemory;
using RpcNet.Transports;

namespace RpcNet.Microbenchmarks;

/// <summary>The contract that is called.</summary>
[RpcService("microbenchmark.Echo")]
public interface IEcho
{
    ValueTask<Payload> EchoAsync(Payload payload, CancellationToken cancellationToken = default);
}

/// <summary>Whole unary calls without QUIC: client, frames, dispatch and handler over the in-memory network.</summary>
public class DispatchBenchmarks
{
    private readonly Payload _message = new("task-1", new byte[100]);
    private RpcListener _listener = null!;
    private RpcChannel _channel = null!;
    private IEcho _echo = null!;
    private IEcho _echoWithDeadline = null!;

    [GlobalSetup]
    public async Task SetupAsync()
    {
        var network = new InMemoryNetwork();
        var serverTransport = network.CreateTransport("server");
        var server = new RpcServer(new RpcServiceMap().AddService<IEcho>(new Service()), new RpcServerOptions());
        _listener = await RpcListener.StartAsync(
            serverTransport,
            new IPEndPoint(IPAddress.Any, 0),
            new TlsServerOptions { SelectIdentity = static _ => TestCertificates.Shared.Server },
            [server]);
        _channel = new RpcChannel(network.CreateTransport("client"), new RpcChannelOptions
        {
            EndPoint = new IPEndPoint(serverTransport.Address, _listener.LocalEndPoint.Port),
            Tls = new TlsClientOptions { TargetHost = "localhost", ValidateServer = TestCertificates.Shared.Trust },
        });
        _echo = _channel.CreateClient<IEcho>();
        _echoWithDeadline = _echo.WithTimeout(TimeSpan.FromSeconds(30));
        await _echo.EchoAsync(_message);
    }

    [GlobalCleanup]
    public async Task CleanupAsync()
    {
        await _channel.DisposeAsync();
        await _listener.DisposeAsync();
    }

    [Benchmark]
    public ValueTask<Payload> OneCall() => _echo.EchoAsync(_message);

    [Benchmark]
    public ValueTask<Payload> OneCallWithDeadline() => _echoWithDeadline.EchoAsync(_message);

    [Benchmark(OperationsPerInvoke = 64)]
    public async Task SixtyFourCallsAtOnce()
    {
        var calls = new Task[64];
        for (var i = 0; i < calls.Length; i++)
        {
            calls[i] = _echo.EchoAsync(_message).AsTask();
        }

        await Task.WhenAll(calls);
    }

    private sealed class Service : IEcho
    {
        public ValueTask<Payload> EchoAsync(Payload payload, CancellationToken cancellationToken) => new(payload);
    }
}
