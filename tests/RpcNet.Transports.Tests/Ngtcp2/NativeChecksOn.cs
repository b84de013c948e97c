using System.Diagnostics;
using System.Runtime.CompilerServices;
using RpcNet.Transports.Ngtcp2.Internal;

namespace RpcNet.Transports.Tests.Ngtcp2;

/// <summary>Has every test of this assembly run with the engine's native checks, in release builds too.</summary>
public sealed class NativeChecksOn
{
    private const string Switch = "RPCNET_NGTCP2_CHECKS";

    [ModuleInitializer]
    internal static void TurnOn()
    {
        if (Environment.GetEnvironmentVariable(Switch) is null)
        {
            Environment.SetEnvironmentVariable(Switch, "1");
        }
    }

    [Fact]
    public void Checks_InThisAssembly_AreOn() =>
        Assert.Equal(Environment.GetEnvironmentVariable(Switch) == "1", NativeChecks.Enabled);

    [Theory]
    [InlineData("freed twice")]
    [InlineData("past its end")]
    [InlineData("before its start")]
    [InlineData("after it was freed")]
    [InlineData("never freed")]
    [InlineData("another connection")]
    [InlineData("given back twice")]
    public async Task Checks_Violation_EndsTheProcessAndNamesIt(string kind)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "RpcNet.Transports.Peer.dll"), "violate", kind])
        {
            RedirectStandardError = true,
            Environment = { [Switch] = "1", ["DOTNET_DbgEnableMiniDump"] = "0" },
        };
        using var process = Process.Start(start)!;

        var said = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.NotEqual(0, process.ExitCode);
        Assert.Contains("native check", said, StringComparison.Ordinal);
        Assert.Contains(kind, said, StringComparison.Ordinal);
    }

    [Fact]
    public unsafe void CheckedMemory_BlocksComeAndGo_IsQuiet()
    {
        var memory = new CheckedMemory();
        var blocks = new List<nint>();
        for (nuint size = 0; size < 300; size++)
        {
            var block = (byte*)memory.Take(size);
            System.Runtime.InteropServices.NativeMemory.Fill(block, size, 1);
            blocks.Add((nint)block);
        }

        Assert.Equal(300, memory.Blocks);
        foreach (var block in blocks)
        {
            memory.Give((void*)block);
        }

        memory.Give(null);
        Assert.Equal(0, memory.Blocks);
        memory.Close();
    }
}
