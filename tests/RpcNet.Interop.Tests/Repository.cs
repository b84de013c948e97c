namespace RpcNet.Interop.Tests;

internal static class Repository
{
    public static string Root { get; } = FindRoot();

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "RpcNet.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"RpcNet.sln is in no folder above {AppContext.BaseDirectory}.");
    }
}
