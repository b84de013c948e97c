using System.Net;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using RpcNet.LoadTest.Measuring;
using RpcNet.LoadTest.Systems.GrpcContract;

namespace RpcNet.LoadTest.Systems;

/// <summary>Grpc.AspNetCore on Kestrel, HTTP/2 over TLS, without interceptors, deadlines or metrics listeners.</summary>
internal sealed class GrpcLoadServer : LoadServer
{
    /// <summary>Streams on one connection: Kestrel's default of 100 would queue calls at the client.</summary>
    private const int MaxStreams = 1024;

    private WebApplication? _application;

    public override async Task<int> StartAsync(X509Certificate2 identity)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.Http2.MaxStreamsPerConnection = MaxStreams;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                listen.UseHttps(identity);
            });
        });
        builder.Services.AddGrpc(static grpc =>
        {
            grpc.MaxReceiveMessageSize = RpcNetLoadServer.Limits.MessageBytes;
            grpc.MaxSendMessageSize = RpcNetLoadServer.Limits.MessageBytes;
        });
        _application = builder.Build();
        _application.MapGrpcService<Service>();
        await _application.StartAsync();
        return new Uri(_application.Urls.First()).Port;
    }

    public override async ValueTask DisposeAsync()
    {
        if (_application is not null)
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
            await _application.StopAsync(limit.Token);
            await _application.DisposeAsync();
        }
    }

    private sealed class Service : Echo.EchoBase
    {
        public override Task<Message> Unary(Message request, ServerCallContext context) => Task.FromResult(request);

        public override async Task Receive(
            GrpcContract.StreamOrder request, IServerStreamWriter<Message> responseStream, ServerCallContext context)
        {
            var message = new Message { Payload = Google.Protobuf.UnsafeByteOperations.UnsafeWrap(new byte[request.PayloadBytes]) };
            var pacer = new Pacer(request.PayloadBytes, request.BytesPerSecond);
            var batching = new GrpcBatching(request.PayloadBytes);
            try
            {
                while (!context.CancellationToken.IsCancellationRequested)
                {
                    await pacer.NextAsync();
                    responseStream.WriteOptions = batching.Next();
                    await responseStream.WriteAsync(message);
                }
            }
            catch (Exception e) when (e is InvalidOperationException or OperationCanceledException)
            {
                // The client has had enough.
            }
        }

        public override async Task<Received> Send(IAsyncStreamReader<Message> requestStream, ServerCallContext context)
        {
            var count = 0L;
            while (await requestStream.MoveNext(CancellationToken.None))
            {
                count++;
            }

            return new Received { Count = count };
        }

        public override async Task Exchange(
            IAsyncStreamReader<Message> requestStream, IServerStreamWriter<Message> responseStream, ServerCallContext context)
        {
            var batching = new GrpcBatching(100);
            while (await requestStream.MoveNext(CancellationToken.None))
            {
                responseStream.WriteOptions = batching.Next();
                await responseStream.WriteAsync(requestStream.Current);
            }
        }
    }
}
