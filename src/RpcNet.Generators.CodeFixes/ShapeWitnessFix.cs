using System.Collections.Immutable;
using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Editing;
using Microsoft.CodeAnalysis.Formatting;
using RpcNet.Generators.Analysis;
using RpcNet.Generators.Contracts;

namespace RpcNet.Generators.CodeFixes;

/// <summary>RPCNET011: names the type on the project's witness class, or on a new one beside the contract.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp), Shared]
public sealed class ShapeWitnessFix : CodeFixProvider
{
    private const string WitnessName = "RpcShapeWitness";

    /// <inheritdoc/>
    public override ImmutableArray<string> FixableDiagnosticIds => ["RPCNET011"];

    /// <summary>None: merged fixes would each make a witness.</summary>
    public override FixAllProvider? GetFixAllProvider() => null;

    /// <inheritdoc/>
    public override Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        foreach (var diagnostic in context.Diagnostics)
        {
            if (diagnostic.Properties.TryGetValue(Rules.TypeProperty, out var type) && type is not null)
            {
                context.RegisterCodeFix(
                    CodeAction.Create(
                        $"Add [GenerateShapeFor<{type}>]",
                        token => AddAsync(context.Document, diagnostic.Location, type, token),
                        nameof(ShapeWitnessFix)),
                    diagnostic);
            }
        }

        return Task.CompletedTask;
    }

    private static async Task<Solution> AddAsync(
        Document contract, Location place, string type, CancellationToken cancellationToken)
    {
        var attribute = Attributes.Of($"global::PolyType.GenerateShapeFor<{type}>");
        var compilation = await contract.Project.GetCompilationAsync(cancellationToken).ConfigureAwait(false);
        if (compilation is not null && FindWitness(compilation, cancellationToken) is { } witness
            && contract.Project.Solution.GetDocument(witness.SyntaxTree) is { } document)
        {
            var editor = await DocumentEditor.CreateAsync(document, cancellationToken).ConfigureAwait(false);
            editor.AddAttribute(witness, attribute);
            return editor.GetChangedDocument().Project.Solution;
        }

        var root = (CompilationUnitSyntax)(await contract.GetSyntaxRootAsync(cancellationToken).ConfigureAwait(false))!;
        var created = SyntaxFactory.ClassDeclaration(WitnessName)
            .AddModifiers(
                SyntaxFactory.Token(SyntaxKind.InternalKeyword),
                SyntaxFactory.Token(SyntaxKind.SealedKeyword),
                SyntaxFactory.Token(SyntaxKind.PartialKeyword))
            .WithOpenBraceToken(default)
            .WithCloseBraceToken(default)
            .WithSemicolonToken(SyntaxFactory.Token(SyntaxKind.SemicolonToken))
            .AddAttributeLists(attribute)
            .NormalizeWhitespace()
            .WithLeadingTrivia(SyntaxFactory.ElasticCarriageReturnLineFeed)
            .WithAdditionalAnnotations(Formatter.Annotation);
        var ns = root.FindNode(place.SourceSpan).FirstAncestorOrSelf<BaseNamespaceDeclarationSyntax>();
        SyntaxNode changed = ns is null ? root.AddMembers(created) : root.ReplaceNode(ns, ns.AddMembers(created));
        return contract.WithSyntaxRoot(changed).Project.Solution;
    }

    private static TypeDeclarationSyntax? FindWitness(Compilation compilation, CancellationToken cancellationToken) =>
        Symbols.Types(compilation.Assembly)
            .SelectMany(t => t.GetAttributes())
            .Where(a => a.AttributeClass is { Name: "GenerateShapeForAttribute" } attribute
                && attribute.ContainingNamespace.ToDisplayString() == "PolyType")
            .Select(a => a.ApplicationSyntaxReference?.GetSyntax(cancellationToken))
            .Select(s => s?.FirstAncestorOrSelf<TypeDeclarationSyntax>())
            .FirstOrDefault(t => t is not null);
}
