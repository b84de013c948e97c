using System.Diagnostics;
using System.Net.Security;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using RpcNet.LoadTest.Coordination;
using RpcNet.LoadTest.Measuring;
using RpcNet.LoadTest.Systems.GrpcContract;

namespace RpcNet.LoadTest.Systems;

/// <summary>Grpc.Net.Client over one HTTP/2 connection with TLS.</summary>
internal sealed class GrpcLoadClient : LoadClient
{
    private readonly ServerAddress _address;
    private readonly GrpcChannel _channel;
    private readonly Echo.EchoClient _client;

    public GrpcLoadClient(ServerAddress address)
    {
        _address = address;
        _channel = CreateChannel();
        _client = new Echo.EchoClient(_channel);
    }

    public override Task ConnectAsync() => _channel.ConnectAsync();

    public override async Task CallAsync(byte[] payload, int worker, Workload workload)
    {
        var message = ToMessage(payload);
        while (!workload.Stopped)
        {
            var started = Stopwatch.GetTimestamp();
            try
            {
                var answer = await _client.UnaryAsync(message);
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
        using var call = _client.Receive(
            new GrpcContract.StreamOrder { PayloadBytes = payloadBytes, BytesPerSecond = bytesPerSecond },
            cancellationToken: workload.StopToken);
        try
        {
            while (!workload.Stopped && await call.ResponseStream.MoveNext(CancellationToken.None))
            {
                counter.Items++;
            }
        }
        catch (RpcException) when (workload.Stopped)
        {
            // With many streams some get nothing for longer than the window.
        }
    }

    public override async Task SendAsync(byte[] payload, int worker, Workload workload)
    {
        var counter = workload.CounterOf(worker);
        var message = ToMessage(payload);
        using var call = _client.Send();
        var batching = new GrpcBatching(payload.Length);
        while (!workload.Stopped)
        {
            call.RequestStream.WriteOptions = batching.Next();
            await call.RequestStream.WriteAsync(message);
            counter.Items++;
        }

        await call.RequestStream.CompleteAsync();
        await call.ResponseAsync;
    }

    public override async Task ExchangeAsync(byte[] payload, int worker, Workload workload)
    {
        var counter = workload.CounterOf(worker);
        var message = ToMessage(payload);
        using var call = _client.Exchange();
        var batching = new GrpcBatching(payload.Length);
        var sending = Task.Run(async () =>
        {
            while (!workload.Stopped)
            {
                call.RequestStream.WriteOptions = batching.Next();
                await call.RequestStream.WriteAsync(message);
            }

            await call.RequestStream.CompleteAsync();
        });
        while (await call.ResponseStream.MoveNext(CancellationToken.None))
        {
            counter.Items++;
        }

        await sending;
    }

    public override async Task<IAsyncDisposable> OpenAnotherAsync(byte[] payload)
    {
        var channel = CreateChannel();
        await new Echo.EchoClient(channel).UnaryAsync(ToMessage(payload));
        return new Opened(channel);
    }

    public override ValueTask DisposeAsync()
    {
        _channel.Dispose();
        return ValueTask.CompletedTask;
    }

    private static Message ToMessage(byte[] payload) => new() { Payload = UnsafeByteOperations.UnsafeWrap(payload) };

    private GrpcChannel CreateChannel() => GrpcChannel.ForAddress($"https://127.0.0.1:{_address.Port}", new GrpcChannelOptions
    {
        MaxReceiveMessageSize = RpcNetLoadServer.Limits.MessageBytes,
        MaxSendMessageSize = RpcNetLoadServer.Limits.MessageBytes,
        DisposeHttpClient = true,
        HttpHandler = new SocketsHttpHandler
        {
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            SslOptions = new SslClientAuthenticationOptions
            {
                RemoteCertificateValidationCallback = (_, shown, _, _) => LoadCertificate.IsExpected(shown, _address),
            },
        },
    });

    private sealed class Opened(GrpcChannel channel) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            channel.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
