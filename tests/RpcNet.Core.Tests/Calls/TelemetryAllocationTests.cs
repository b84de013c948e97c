using System.Net;
using RpcNet.Diagnostics;
using RpcNet.Framing;

namespace RpcNet.Core.Tests.Calls;

/// <summary>What every call passes on its way through the telemetry, while nobody listens.</summary>
[Collection("alone")]
public sealed class TelemetryAllocationTests
{
    private static readonly RpcUnaryMethod<int, int> Method = new("telemetry", "Silent", RpcMarshaller.Value<int>(), RpcMarshaller.Value<int>());

    [Fact]
    public void Telemetry_WithoutAListener_AllocatesNothing()
    {
        var peer = RpcPeer.From(new IPEndPoint(IPAddress.Loopback, 1));
        var extension = default(FrameExtension);
        Pass();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            Pass();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Pass()
        {
            if (RpcTelemetry.IsClientEnabled | RpcTelemetry.IsServerEnabled
                || RpcTelemetry.StartClient(Method, peer) is not null || RpcTelemetry.StartServer(Method, extension) is not null)
            {
                Assert.Fail("Somebody listens.");
            }

            RpcTelemetry.LateFrame();
            RpcTelemetry.CallRefused(RpcStatusCode.ResourceExhausted);
        }
    }
}
