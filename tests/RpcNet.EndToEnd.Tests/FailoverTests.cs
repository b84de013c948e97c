using System.Diagnostics;

namespace RpcNet.EndToEnd.Tests;

/// <summary>Worker processes that die or are replaced under load, over real QUIC; the program itself judges the run.</summary>
public sealed class FailoverTests
{
    private static bool AllTests => Environment.GetEnvironmentVariable("RPCNET_TESTS") == "all";

    [Theory]
    [InlineData("kills --workers 3 --rate 150 --seconds 9 --every 3 --writes 0.5 --work 100")]
    [InlineData("rolling --workers 2 --rate 100 --drain 2")]
    public Task Workers_DieOrAreReplacedUnderLoad_EveryPromiseIsKept(string arguments) => RunAsync(arguments);

    [Theory]
    [InlineData("kills")]
    [InlineData("kills --writes 1")]
    [InlineData("kills --hedge 100")]
    [InlineData("kills --writes 0.5 --strategy PeakEwma")]
    [InlineData("rolling")]
    [InlineData("outage")]
    public Task Workers_DieOrAreReplacedUnderLoadAtLength_EveryPromiseIsKept(string arguments)
    {
        Assert.SkipUnless(AllTests, "set RPCNET_TESTS=all for the minute-long runs");
        return RunAsync(arguments);
    }

    [Fact]
    public async Task OneSlowAmongTen_Simulated_HardlyGetsCallsAndHardlyDelaysTheOthers()
    {
        var printed = await RunAsync("RpcNet.BalancingSim", "verify --seconds 5");
        Assert.Contains("times that of ten healthy workers", printed, StringComparison.Ordinal);
    }

    private static async Task RunAsync(string arguments)
    {
        Engine.Require();
        Assert.SkipUnless(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS(), "Workers are stopped with SIGTERM.");
        using var folder = new TempFolder();
        var printed = await RunAsync("RpcNet.FailoverBench", $"{arguments} --out {folder.Path}");
        Assert.Contains("kept   every count of calls in flight is 0 at the end", printed, StringComparison.Ordinal);
    }

    private static async Task<string> RunAsync(string program, string arguments)
    {
        var start = new ProcessStartInfo(Repository.Executable("benchmarks", program), arguments.Split(' '))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
        }

        var printed = await output + await errors;
        Assert.True(process.ExitCode == 0, printed);
        return printed;
    }
}
